"""A machine on which the program is installed, for tests of what its scripts do there as root."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.blank import PROGRAM, ROOT, Installed

PYTHON = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n'


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """What is written here others may read; the commands, where a test before has run one in this process, set 077."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def machine(tmp_path: Path) -> Installed:
    made = Installed(tmp_path / "machine")
    made.make()
    for number, user in enumerate(("threshold-server", "threshold-kiosk", "caddy")):
        made.add_user(user, 64_100 + number)
    for place in (PROGRAM, "/opt/checkout"):
        for folder in ("deploy", "systemd"):
            shutil.copytree(
                ROOT / folder, made.file(f"{place}/{folder}"), ignore=shutil.ignore_patterns("lock", "*.py")
            )
        for folder in ("admission", "kiosk", "server"):
            made.write(f"{place}/{folder}/__init__.py", "")
    made.write("/opt/checkout/deploy/bootstrap.sh", '[ ! -e "$BLANK/no-packages" ]\n')
    made.write("/opt/checkout/deploy/upkeep.sh", "")
    made.write(f"{PROGRAM}/.venv/bin/python", PYTHON).chmod(0o755)
    made.file("/etc/systemd/system").mkdir(parents=True)
    made.file("/run/systemd/system").mkdir(parents=True)
    return made
