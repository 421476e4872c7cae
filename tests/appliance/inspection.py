"""What systemd, the doctors, the backup and the journal say of an installed appliance, and what is left of it after.

Must not change what is installed, but for the removal.
"""

from __future__ import annotations

import re

from tests.appliance.door import PROGRAM, UNITS, Door
from tests.appliance.report import Report

EXPOSURE = 2.0
COMMANDS = "/usr/local/bin/threshold-*"
UNIT_FILES = "/etc/systemd/system/threshold-*"
BACKUP = "threshold-backup"


def everything(door: Door, report: Report) -> None:
    """All that can be looked at while it runs."""
    _command(door, report)
    _units(door, report)
    _doctors(door, report)
    _backup(door, report)
    _journal(door, report)


def _units(door: Door, report: Report) -> None:
    listed = door.machine.run(f"ls -d {UNIT_FILES} | grep -E '[.](service|timer|path|socket)$'").split()
    report.figure("units", ", ".join(path.rpartition("/")[2] for path in listed))
    code, said = door.machine.attempt(f"systemd-analyze verify {' '.join(listed)}")
    ours = "\n".join(line for line in said.splitlines() if "threshold" in line)
    report.check("systemd-analyze verify has nothing to say about them", code == 0 and not ours, said)
    for unit in UNITS:
        said = door.machine.run(f"systemd-analyze security --no-pager {unit}")
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        level = float(found[1]) if found else 10.0
        report.figure(f"{unit}'s exposure", f"{level}")
        report.check(f"{unit}'s exposure is at most {EXPOSURE}", level <= EXPOSURE, said)
    failed = door.machine.run("systemctl list-units --failed --plain --no-legend 'threshold*'").strip()
    report.check("no unit of Threshold has failed", not failed, failed)


def _command(door: Door, report: Report) -> None:
    """It is the service's user, and says so before it has done anything that could not be kept."""
    code, said = door.machine.attempt("threshold-server print-badges --reprint --out /root/badges.pdf")
    sentence = "a command says beforehand that it cannot write where only root can"
    report.check(sentence, code == 1 and "this runs as the user threshold-server" in said, said)


def _doctors(door: Door, report: Report) -> None:
    for role in ("server", "kiosk"):
        command = f"threshold-{role} doctor"
        sentence = f"threshold-{role} doctor says what it found, and no traceback"
        if door.machine.attempt(f"{command} --help")[0] != 0:
            report.skip(sentence, "as there is none")
            continue
        code, said = door.machine.attempt(command, seconds=120)
        report.check(sentence, code in (0, 1) and "Traceback" not in said and bool(said.strip()), said)
        for line in said.strip().splitlines():
            report.note(line)


def _backup(door: Door, report: Report) -> None:
    sentence = "the backup's timer runs, and a backup asked for succeeds while the server runs"
    if door.machine.attempt(f"test -e /etc/systemd/system/{BACKUP}.timer")[0] != 0:
        report.skip(sentence, "as there is none")
        return
    waits = door.is_active(f"{BACKUP}.timer")
    code, said = door.machine.attempt(f"systemctl start {BACKUP}.service", seconds=120)
    words = door.machine.attempt(f"journalctl -b -n 15 --no-pager -u {BACKUP}.service")[1]
    report.check(sentence, waits and code == 0, f"timer active: {waits}\n{said}\n{words}")


def _journal(door: Door, report: Report) -> None:
    said = door.machine.run("journalctl --no-pager -o cat -u 'threshold-*' | grep -A 12 Traceback || true")
    report.check("the journal of the whole day has no traceback", not said.strip(), said)
    said = door.machine.run("journalctl --no-pager -o cat -u 'threshold-*' | grep -iE 'permitted|denied' || true")
    refused = [line for line in said.splitlines() if "ignoring" not in line]  # in a container systemd says so of itself
    report.check("the sandbox refuses nothing that was asked for", not refused, said)


def removal(door: Door, report: Report) -> None:
    """Uninstalls both, looks at what is left; then purges, where the scripts can."""
    for role in ("kiosk", "server"):
        code, said = door.script(f"install-{role}.sh", "--uninstall")
        report.check(f"install-{role}.sh --uninstall ends well", code == 0, said)
    _gone(door, report, "program, commands and units are gone", f"{PROGRAM} {COMMANDS} {UNIT_FILES}")
    kept = "/etc/threshold/server.toml /etc/threshold/kiosk.toml /var/lib/threshold-server/threshold.db"
    kept += " /var/lib/threshold-kiosk/kiosk.db /var/lib/threshold-kiosk/enrolment.json"
    code, said = door.machine.attempt(f"ls {kept}")
    report.check("configuration and data have stayed", code == 0, said)
    users = ",".join(UNITS)
    running = door.machine.run(f"pgrep -a -u {users} || true; pgrep -a -f ^{PROGRAM} || true").strip()
    report.check("nothing of it runs any more", not running, running)
    _purge(door, report)


def _purge(door: Door, report: Report) -> None:
    sentence = "after --uninstall --purge --yes nothing of it is left"
    if door.machine.attempt("grep -q -e --purge /root/threshold/deploy/install.sh")[0] != 0:
        report.skip(sentence, "as the scripts do not offer it")
        return
    for role in ("kiosk", "server"):
        code, said = door.script(f"install-{role}.sh", "--uninstall", "--purge", "--yes")
        report.check(f"install-{role}.sh --uninstall --purge --yes ends well", code == 0, said)
    _gone(door, report, sentence, f"{PROGRAM} {COMMANDS} {UNIT_FILES} /etc/threshold /var/lib/threshold-*")
    users = door.machine.run("getent passwd | grep threshold || true").strip()
    report.check("its users are gone", not users, users)


def _gone(door: Door, report: Report, sentence: str, patterns: str) -> None:
    left = door.machine.run(f"ls -d {patterns} 2>/dev/null || true").strip()
    report.check(sentence, not left, left)
