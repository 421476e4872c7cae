"""The appliance's day, act by act: installed, opened, robbed of its power, started again, updated, taken away.

Says what must hold. Must not know how the guest is run (machine.py) or asked (door.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tests.appliance import inspection, venue
from tests.appliance.door import PROGRAM, UNITS, Door
from tests.appliance.machine import Broken, Machine
from tests.appliance.report import Report

KIOSK, SERVER = "threshold-kiosk", "threshold-server"
START_S = 5.0
KIOSK_MB = 200.0
EACH_TIME = 4
"""Badges that are shown before each cut; the kiosk must hold seats for all of them, as the server may be away."""
SETTLE_S = 30
CPU_S = 20
UNSYNCED = """[Service]
Environment=LD_PRELOAD=libeatmydata.so
"""


class Rehearsal:
    """One run on one machine. Every act expects the one before."""

    def __init__(self, machine: Machine, door: Door, report: Report) -> None:
        self.machine = machine
        self.door = door
        self.report = report
        self._cards: list[venue.Card] = []
        self._green: list[int] = []
        self._last = ""

    def boot(self) -> None:
        """A fresh Debian comes up."""
        with self.report.act("a fresh Debian"):
            self.machine.boot()
            about = self.machine.run(". /etc/os-release; echo $PRETTY_NAME, $(uname -m), kernel $(uname -r)").strip()
            self.report.figure("guest", f"{about}, {'native' if self.machine.native else 'emulated'}")
            self.report.check("systemd is PID 1", self.machine.run("cat /proc/1/comm").strip() == "systemd")

    def install(self, checkout: bytes, how: str) -> None:
        """Its own scripts put server and kiosk there."""
        with self.report.act("installing with the program's own scripts"):
            self.door.bring(checkout, how)
            for role in ("server", "kiosk"):
                code, said = self.door.script(f"install-{role}.sh")
                words = "" if code == 0 else self.machine.attempt("journalctl -b -n 12 --no-pager -u 'threshold-*'")[1]
                self.report.check(f"install-{role}.sh ends well", code == 0, said + words)
                if self.machine.attempt(f"test -x {PROGRAM}/.venv/bin/threshold-{role}")[0] != 0:
                    raise Broken(f"there is no threshold-{role} to rehearse with")
            enabled = self.machine.attempt(f"systemctl is-enabled {SERVER}")[1].strip()
            self.report.check(f"{SERVER} starts with the machine", enabled == "enabled", enabled)
            self._check_active(KIOSK, "runs at once, and asks for a pairing code")

    def open(self, now: datetime, folder: Path) -> None:
        """An event, a kiosk that belongs to it, printed badges; both services are started and timed."""
        with self.report.act("an event, a kiosk, badges"):
            for unit in UNITS:
                self.machine.run(f"systemctl stop {unit}", seconds=60)
            self.door.set_camera()
            self._cards = venue.cards(self.door.found_event(venue.files(now)), folder)
            self.report.check(f"{len(self._cards)} printed badges can be read off their sheets", True)
            self.machine.run("sync")  # the cuts that come are about passages, not about the setting up
            for unit in UNITS:
                self._time_start(unit)
            self.door.watch()
            self._stand_ready()

    def without_fsync(self) -> None:
        """Makes the kiosk's fsync do nothing, so that the rehearsal must fail."""
        self.machine.run("apt-get install -qq -y libeatmydata1 >/dev/null 2>&1", seconds=120)
        self.machine.put(f"/etc/systemd/system/{KIOSK}.service.d/unsynced.conf", UNSYNCED.encode())
        self.machine.run(f"systemctl daemon-reload; systemctl restart {KIOSK}; sync", seconds=120)
        self._stand_ready()

    def measure(self) -> None:
        """What the kiosk takes before an empty door."""
        with self.report.act("before an empty door"):
            self.machine.run(f"sleep {SETTLE_S}")
            memory = self.door.memory_mb(KIOSK)
            self.report.figure("kiosk's memory (PSS)", f"{memory:.0f} MB")
            self.report.check(f"the kiosk takes at most {KIOSK_MB:.0f} MB", memory <= KIOSK_MB, f"{memory:.0f} MB")
            self.report.figure("server's memory (PSS)", f"{self.door.memory_mb(SERVER):.0f} MB")
            before = self.door.cpu_s(KIOSK)
            self.machine.run(f"sleep {CPU_S}")
            share = (self.door.cpu_s(KIOSK) - before) / CPU_S
            self.report.figure("kiosk's processor before 15 empty frames a second", f"{share:.0%} of one core")

    def cut_with_both(self) -> None:
        """Badges go in; the plug is pulled in the moment of the last green."""
        with self.report.act("power cut while server and kiosk run"):
            self._admit(EACH_TIME)
            self._cut_and_return()

    def cut_with_the_server_away(self) -> None:
        """Passages that only the kiosk has, and then the plug."""
        with self.report.act("power cut while only the kiosk knows"):
            self.machine.run(f"systemctl stop {SERVER}", seconds=60)
            self.door.wait_for_face(link="down")
            self._admit(EACH_TIME)
            self._cut_and_return()

    def stop_the_kiosk(self) -> None:
        """A kiosk that stands still is started afresh by systemd."""
        with self.report.act("a kiosk that stands still"):
            restarts = int(self.door.property(KIOSK, "NRestarts"))
            limit_s = int(self.door.property(KIOSK, "WatchdogUSec").removesuffix("s") or 0)
            self.machine.run(f"kill -STOP $(systemctl show --value -p MainPID {KIOSK})")
            waited = self.machine.run(
                f"a=$(date +%s); while [ $(systemctl show --value -p NRestarts {KIOSK}) -le {restarts} ] &&"
                f" [ $(($(date +%s) - a)) -lt 150 ]; do sleep 1; done; echo $(($(date +%s) - a))",
                seconds=200,
            )
            again = int(self.door.property(KIOSK, "NRestarts")) > restarts
            self.report.check(f"systemd restarts it (its watchdog: {limit_s} s)", again, f"{waited.strip()} s waited")
            self.report.figure("kiosk stopped, restarted after", f"{waited.strip()} s")
            self._stand_ready()
            self._admit(1)
            self.door.take_away()
            self._check_log()

    def install_again(self) -> None:
        """The scripts once more, as for an update: nothing that is the site's changes."""
        with self.report.act("installing again"):
            self.machine.run("echo '# a remark of the site' >>/etc/threshold/kiosk.toml")
            before = self._belongings()
            for role in ("server", "kiosk"):
                code, said = self.door.script(f"install-{role}.sh")
                self.report.check(f"install-{role}.sh ends well a second time", code == 0, said)
            after = self._belongings()
            self.report.check("configuration and enrolment are as before", before == after, f"{before}\n{after}")
            for unit in UNITS:
                self._check_active(unit, "runs")
            self._stand_ready()
            self._admit(1)
            self.door.take_away()
            self._check_log()

    def inspect(self) -> None:
        """Units, doctors, backup, journal."""
        with self.report.act("what systemd, the doctors and the journal say"):
            inspection.everything(self.door, self.report)

    def remove(self) -> None:
        """Uninstalled: the program is gone, what is the site's stays; purged: that goes too."""
        self.door.look_away()
        with self.report.act("uninstalling"):
            inspection.removal(self.door, self.report)

    def close(self) -> None:
        """Nobody looks any more."""
        self.door.look_away()

    # -- what acts are made of

    def _admit(self, count: int) -> None:
        """The next guests show their badges; the last one's stays before the camera."""
        for turn in range(count):
            if turn or self.door.face().get("state") != "waiting":
                self.door.take_away()
            card = self._cards.pop(0)
            answer = self.door.show(card)
            self.report.check(f"badge {card.serial} is shown, and the screen says welcome", answer == "welcome", answer)
            if answer == "welcome":
                self._green.append(card.serial)

    def _cut_and_return(self) -> None:
        self.machine.cut()
        self.door.look_away()
        self.report.check("its disk was never unmounted", self.machine.is_unclean())
        self.machine.boot()
        for unit in UNITS:
            self._check_active(unit, "comes up by itself after the cut")
            self.report.figure(f"{unit} ready after systemd's begin", f"{self.door.up_s(unit):.1f} s")
        self.door.watch()
        self._stand_ready()
        self._check_log()

    def _stand_ready(self) -> None:
        """Returns when the kiosk waits for badges, speaks with the server, has sent all, and holds seats."""
        self.door.machine.run("rm -f /run/rehearsal/shown")
        self.door.wait_for_face(state="waiting", link="up")
        self.door.wait_until_ready(EACH_TIME)

    def _check_log(self) -> None:
        entries = self.door.entries()
        wrong = [f"badge {serial}: {entries[serial]} times" for serial in self._green if entries[serial] != 1]
        more = sorted(set(entries) - set(self._green))
        self.report.check(
            f"each of the {len(self._green)} greens is in the server's log exactly once", not wrong, "\n".join(wrong)
        )
        self.report.check("nobody is in the log who was not let in", not more, f"badges {more}")
        code, said = self.door.audit()
        self.report.check("the audit finds nothing wrong", code == 0, said)

    def _check_active(self, unit: str, what: str) -> None:
        active = self.door.is_active(unit)
        seen = "" if active else self.machine.attempt(f"systemctl status -n 30 --no-pager {unit}")[1]
        self.report.check(f"{unit} {what}", active, seen)

    def _time_start(self, unit: str) -> None:
        took = self.door.start_s(unit)
        spent = self.door.cpu_s(unit)  # tells a slow start from a busy machine
        self.report.figure(f"{unit} from start to ready", f"{took:.1f} s, {spent:.1f} s of them processor time")
        sentence = f"{unit} is ready within {START_S:.0f} s"
        if self.machine.native:
            self.report.check(sentence, took <= START_S, f"{took:.1f} s")
        else:
            self.report.skip(sentence, "as an emulated processor's time means nothing")

    def _belongings(self) -> Mapping[str, str]:
        said = self.machine.run("cd / && sha256sum etc/threshold/* var/lib/threshold-kiosk/enrolment.json")
        lines: Sequence[str] = said.splitlines()
        return {line.split()[1]: line.split()[0] for line in lines}
