"""One Raspberry Pi at one gate: reads badges, decides at once, and never loses a passage."""
