"""Whether a server runs on a SQLite database: an advisory lock on a file beside it, which ends with the processes.

A server holds it, shared, from before it first looks at the database; its workers inherit it. Whoever puts another
database in its place holds it alone. It does not say who writes: that is :class:`server.store.engine.Turn`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from admission.errors import ConfigError
from server.store.engine import file_of


@contextmanager
def serving(url: str) -> Iterator[None]:
    """For as long as a server runs. Raises ConfigError while the database is being replaced."""
    path = file_of(url)
    if path is None:
        yield
        return
    with _locked(path, fcntl.LOCK_SH, "is being replaced by a backup; start the server again once that is done"):
        yield


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """While the database is replaced: no server runs on it, and none can start. Raises ConfigError if one runs."""
    words = "is in use by a running server; stop that first (systemctl stop threshold-server), then try again"
    with _locked(path, fcntl.LOCK_EX, words):
        yield


@contextmanager
def _locked(path: Path, how: int, otherwise: str) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(f"{path}.serving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"the database {path} {otherwise}") from error
        yield
    finally:
        os.close(handle)
