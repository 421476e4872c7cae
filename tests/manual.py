"""Commands that the manual gives to whoever restores a database, as they stand there: so they cannot drift."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

BACKUPS = Path(__file__).parents[1] / "docs" / "backups.md"


def block(mark: str) -> str:
    """The lines that docs/backups.md gives under this mark."""
    found = re.search(rf"<!-- rehearsed: {mark} -->\n+```\w+\n(.*?)```", BACKUPS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"docs/backups.md has no block {mark}"
    return found[1]


def follow(
    mark: str, folder: Path, given: Mapping[str, str], here: Callable[[str], str] = str, user: str | None = None
) -> None:
    """Does what the manual says, in a folder, with the programs of the newest PostgreSQL. ``given``: the variables
    that it names; ``here``: puts this machine's folders in the place of those of the example."""
    newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    environment = {**os.environ, **given, "PATH": f"{newest}:{os.environ['PATH']}"}
    words = ["sh", "-eu", "-c", here(block(mark))]
    subprocess.run(words, cwd=folder, env=environment, user=user, check=True, timeout=60)
