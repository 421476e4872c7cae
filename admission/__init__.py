"""What kiosk and server agree on.

Pure: no I/O, no clock, no randomness; nothing here knows which side it runs on.
"""
