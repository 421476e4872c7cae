"""Instants as the tables hold them: whole milliseconds of Unix time, UTC."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware instant, in UTC."""
    return _EPOCH + timedelta(milliseconds=ms)
