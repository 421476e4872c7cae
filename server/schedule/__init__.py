"""Changing the programme by hand: sessions, rooms, gates, categories, and who may enter what.

A form is read cell by cell by the parsers that an import uses, and judged by the same checks, so that the two obey the
same rules. Knows nothing of pages.
"""
