"""Whether a server runs on a SQLite database: an advisory lock on a file beside it, which ends with the processes.

A server holds it, shared, from before it first looks at the database; its workers inherit it. Whoever puts another
database in its place holds it alone. It does not say who writes: that is :class:`server.store.engine.Turn`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """While the database is replaced: no server runs on it, and none can start. Raises ConfigError if one runs, or if
    another program of the same user has it open: a server of a version that knew no lock."""
    words = "is in use by a running server; stop that first (systemctl stop threshold-server), then try again"
    with _locked(path, fcntl.LOCK_EX, words):
        if other := _open_in(path):
            raise ConfigError(
                f"the database {path} is in use by process {other}; stop that first, or wait until a backup is made, "
                "then try again"
            )
        yield


def _open_in(path: Path, processes: Path = Path("/proc")) -> int:
    """The number of another process that has the file open, as far as this user may know; 0: none."""
    if not path.exists():
        return 0
    there, own = path.stat(), str(os.getpid())
    for number in (one.name for one in processes.iterdir() if one.name.isdecimal() and one.name != own):
        with suppress(OSError):  # another user's, or it has ended
            for link in (processes / number / "fd").iterdir():
                with suppress(OSError):  # closed by now
                    if os.path.samestat(link.stat(), there):
                        return int(number)
    return 0


@contextmanager
def _locked(path: Path, how: int, otherwise: str) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(f"{path}.serving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"the database {path} {otherwise}") from error
        yield
    finally:
        os.close(handle)
