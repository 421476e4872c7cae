"""Words for people that can be said in another language: what was said, and what it was made of.

``phrase`` is for sentences with values in them, mostly of errors; ``marked`` marks a constant sentence for the
translators' catalogue. Both are English text everywhere else. Knows nothing of languages or pages.
"""

from __future__ import annotations


class Phrase(str):
    """An English sentence that remembers its pattern and the values in it."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: dict[str, object]


def phrase(pattern: str, /, **values: object) -> Phrase:
    """The pattern (as of str.format, by name) with these values. ``phrase("no room {room!r}", room=name)``."""
    made = Phrase(pattern.format(**values))
    made.pattern, made.values = pattern, values
    return made


def marked(text: str, /) -> str:
    """The same text; whoever collects sentences for translators finds it by this name."""
    return text
