"""The appliance test's command, started by deploy/test-appliance.sh: chooses the machine, runs the acts, cleans up.

The only file here that names the clock and chance.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.appliance.door import Door
from tests.appliance.machine import Base, Broken, Machine
from tests.appliance.nspawn import Container
from tests.appliance.qemu import VirtualMachine
from tests.appliance.rehearsal import Rehearsal
from tests.appliance.report import Report

ROOT = Path(__file__).parents[2]
MACHINES: dict[str, type[Machine]] = {"vm": VirtualMachine, "container": Container}


def main() -> int:
    """Runs the rehearsal; the exit status."""
    given = _parse()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    report = Report(lambda line: print(line, flush=True), time.monotonic)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=given.base.parent))
    machine: Machine | None = None
    try:
        machine = MACHINES[given.bed](Base(given.base, given.key, given.arch), folder)
        _rehearse(Rehearsal(machine, Door(machine, np.random.default_rng()), report), given)
    except Broken as error:
        report.check("the rehearsal gets to its end", False, f"{error}\n{_journal(machine)}")
    except KeyboardInterrupt:
        report.check("nobody interrupts the rehearsal", False)
    finally:
        if machine is not None:
            machine.end()
        if given.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    report.close()
    return 0 if report.good else 1


def _rehearse(day: Rehearsal, given: argparse.Namespace) -> None:
    checkout, how = _checkout(working_tree=given.working_tree)
    try:
        day.boot()
        day.install(checkout, how)
        day.open(datetime.now(UTC), day.machine.folder)
        if given.without_fsync:
            day.without_fsync()
        else:
            day.measure()
        day.cut_with_both()
        day.cut_with_the_server_away()
        if given.without_fsync:
            return
        day.stop_the_kiosk()
        day.install_again()
        day.inspect()
        day.remove()
    finally:
        day.close()


def _journal(machine: Machine | None) -> str:
    """What Threshold's units said last, where the guest still answers."""
    if machine is None:
        return ""
    with suppress(Broken):
        return machine.attempt("journalctl -b -n 15 --no-pager -u 'threshold-*'", seconds=20)[1]
    return machine.last_words()


def _checkout(*, working_tree: bool) -> tuple[bytes, str]:
    """The program's source in one piece, and the shell command that unpacks it in an empty folder."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    if not working_tree:
        bundle = subprocess.run([*git, "bundle", "create", "--quiet", "-", "HEAD"], capture_output=True, check=True)
        return bundle.stdout, "cat >../source.bundle && git clone --quiet ../source.bundle ."
    listed = subprocess.run([*git, "ls-files", "-coz", "--exclude-standard"], capture_output=True, check=True).stdout
    there = b"\0".join(name for name in listed.split(b"\0") if name and (ROOT / name.decode()).is_file())
    pack = ["tar", "-c", "-C", str(ROOT), "--null", "--files-from=-"]
    return subprocess.run(pack, input=there, capture_output=True, check=True).stdout, "tar -x --no-same-owner"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sh deploy/test-appliance.sh")
    parser.add_argument("--in", dest="bed", choices=MACHINES, required=True)
    parser.add_argument("--arch", choices=["amd64", "arm64"], required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    for flag in ("--keep", "--working-tree", "--without-fsync"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
