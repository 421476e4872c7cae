"""Words for people that can be said in another language: what was said, and what it was made of.

``phrase`` is for sentences with values in them, mostly of errors; ``marked`` marks a constant sentence for the
translators' catalogue. Both are English text everywhere else. Knows nothing of languages or pages.
"""

from __future__ import annotations

import msgspec

_MARK = "\x1f"
"""Before a phrase that was written down: no sentence begins with it."""


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


def written(text: str) -> str:
    """A sentence as it is kept in a table: a phrase with its pattern and values, so that it can be said again in
    another language."""
    if not isinstance(text, Phrase):
        return text
    return (
        _MARK
        + msgspec.json.encode([text.pattern, {name: _kept(value) for name, value in text.values.items()}]).decode()
    )


def read_back(text: str) -> str:
    """What ``written`` has written; any other text as it is."""
    if not text.startswith(_MARK):
        return text
    pattern, values = msgspec.json.decode(text[1:])
    return phrase(pattern, **{name: _told(value) for name, value in values.items()})


def _kept(value: object) -> object:
    return [value.pattern, {k: _kept(v) for k, v in value.values.items()}] if isinstance(value, Phrase) else value


def _told(value: object) -> object:
    if not isinstance(value, list):
        return value
    pattern, values = value
    return phrase(pattern, **{name: _told(one) for name, one in values.items()})
