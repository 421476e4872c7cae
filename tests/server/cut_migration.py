"""A migration whose plug is pulled: after each statement in turn, on a copy of a database, then migrated once more.

python -m tests.server.cut_migration DATABASE FOLDER STEP    prints how often; STEP 1: after each, 2: after each second

Each cut is a process of its own that ends at once, forked from this one, which has a single thread.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Engine, event

from server.store import copies
from server.store.engine import migrate

ENOUGH = 400
CUT = 9


def main(database: Path, folder: Path, step: int) -> None:
    """Until it is not cut any more. Raises what a second migration raises."""
    for count in range(1, ENOUGH, step):
        path = folder / f"cut-{count}.db"
        shutil.copyfile(database, path)
        child = os.fork()
        if child == 0:
            _cut_after(count, path)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            print((count - 1) // step)
            return
        migrate(f"sqlite:///{path}")
    raise AssertionError("it never ends")


def _cut_after(count: int, path: Path) -> NoReturn:
    said = 0

    @event.listens_for(Engine, "after_cursor_execute")
    def _count(*_words: object) -> None:
        nonlocal said
        said += 1
        if said == count:
            os._exit(CUT)

    migrate(f"sqlite:///{path}")
    copies.check(path)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
