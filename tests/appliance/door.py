"""Server and kiosk as they stand in the guest: installed by their own scripts, shown badges, asked what they know.

Must not decide what is right; that is the rehearsal's.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.appliance import venue
from tests.appliance.machine import Machine, wait_for

HERE = Path(__file__).parent
SOURCE = "/root/threshold"
PROGRAM = "/opt/threshold"
PROPS = "/srv/rehearsal"
SHOWN = "/run/rehearsal/shown"
UNITS = ("threshold-server", "threshold-kiosk")
ANSWERS = frozenset({"welcome", "goodbye", "counted", "refused", "steward", "full", "closed"})
CAMERA_UNIT = f"""[Unit]
Description=The rehearsal's camera
[Service]
ExecStart=/usr/bin/python3 {PROPS}/camera.py {PROPS}/door.y4m {SHOWN} {PROPS}/empty
Restart=always
[Install]
WantedBy=multi-user.target
"""
ATTEMPTS_S = 45.0

Face = Mapping[str, str]


class Door:
    """The one door of the rehearsal, and the centre behind it."""

    def __init__(self, machine: Machine, dice: np.random.Generator) -> None:
        self.machine = machine
        self._dice = dice
        self._faces: list[Face] = []
        self._onlooker: subprocess.Popen[bytes] | None = None

    # -- putting it there

    def bring(self, checkout: bytes, how: str) -> None:
        """Unpacks the program's source; ``how``: the shell command that does it, reading ``checkout``."""
        self.machine.run(f"rm -rf {SOURCE} && mkdir -p {SOURCE} && cd {SOURCE} && {how}", checkout, 120)

    def script(self, name: str, *options: str) -> tuple[int, str]:
        """Runs one of the program's own install scripts."""
        return self.machine.attempt(f"sh {SOURCE}/deploy/{name} {' '.join(options)}", seconds=900)

    def set_camera(self) -> None:
        """Puts the replayed camera, and the onlooker's eyes, into the guest."""
        for name in ("camera.py", "onlooker.py"):
            self.machine.put(f"{PROPS}/{name}", (HERE / name).read_bytes())
        self.machine.put(f"{PROPS}/empty", venue.held_up(None, self._dice))
        self.machine.put("/etc/systemd/system/rehearsal-camera.service", CAMERA_UNIT.encode())
        setting = f'camera = "{PROPS}/door.y4m"'
        self.machine.run(f"sed -i 's|^camera = .*|{setting}|' /etc/threshold/kiosk.toml")
        self.machine.run("systemctl daemon-reload && systemctl enable --quiet --now rehearsal-camera")

    def found_event(self, files: Mapping[str, str]) -> bytes:
        """Makes the event, enrols the kiosk, and returns the printed badges (PDF). Restarts nothing."""
        for name, content in files.items():
            self.machine.put(f"/tmp/event/{name}", content.encode())
        for command in (
            "init --name Rehearsal --timezone Europe/Paris",
            "import /tmp/event",
            "print-badges --out /tmp/badges.pdf >/dev/null",
            f"add-kiosk door-1 --gate {venue.GATE} --server http://127.0.0.1:8080 --out /tmp/enrolment.json",
        ):
            self.machine.run(f"threshold-server {command}")
        mine = "-o threshold-kiosk -g threshold-kiosk -m 0600"
        place = "/var/lib/threshold-kiosk/enrolment.json"
        self.machine.run(f"install {mine} /tmp/enrolment.json {place} && rm /tmp/enrolment.json")
        way = self.machine.words("cat /tmp/badges.pdf")
        return subprocess.run(way, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout

    # -- standing before it

    def watch(self) -> None:
        """Looks at the kiosk's screen from now on."""
        self._faces.clear()
        self._onlooker = self.machine.follow(f"exec python3 {PROPS}/onlooker.py")
        threading.Thread(target=self._look, args=[self._onlooker], daemon=True).start()

    def look_away(self) -> None:
        """Stops looking; what was seen is forgotten."""
        if self._onlooker is not None:
            self._onlooker.kill()
            self._onlooker.wait()
            self._onlooker = None
        self._faces.clear()

    def wait_for_face(self, **wanted: str) -> None:
        """Returns when the screen shows all of this. Raises Broken."""
        self._wait(lambda: self.face().items() >= wanted.items(), f"the screen shows {wanted}")

    def wait_until_ready(self, seats: int) -> None:
        """Returns when the kiosk has nothing more to send, and holds so many seats. Raises Broken."""
        self._wait(lambda: int(self.face().get("queue", 1)) == 0, f"the kiosk has sent all: {dict(self.face())}")
        self._wait(lambda: self.seats() >= seats, f"the kiosk holds {seats} seats")

    def face(self) -> Face:
        """What the screen shows now, as far as it was seen."""
        return self._faces[-1] if self._faces else {}

    def show(self, card: venue.Card) -> str:
        """Holds a badge up until the screen answers: its answer. The badge stays there. Raises Broken."""
        before = len(self._faces)
        self.machine.put(SHOWN, venue.held_up(card, self._dice))
        self._wait(lambda: self._answer(before) is not None, f"an answer to a badge; last was {dict(self.face())}")
        return self._answer(before) or ""

    def take_away(self) -> None:
        """Holds up nothing, until the door waits again."""
        self.machine.run(f"rm -f {SHOWN}")
        self.wait_for_face(state="waiting")

    # -- asking

    def seats(self) -> int:
        """The seats that the kiosk may still spend, as the server knows it."""
        balance = "SELECT granted - returned - entries + exits FROM account ORDER BY heard DESC LIMIT 1"
        code = f"import sqlite3; print((sqlite3.connect('threshold.db').execute('{balance}').fetchone() or [0])[0])"
        there = "cd /var/lib/threshold-server && runuser -u threshold-server"
        return int(self.machine.run(f'{there} python3 -- -c "{code}"'))

    def entries(self) -> Counter[int]:
        """How often the server's log says that each badge was let in."""
        text = self.machine.run("cd /tmp && threshold-server export-log --out log.csv >/dev/null && cat log.csv")
        rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
        return Counter(int(row["badge"]) for row in rows if row["kind"] == "entry")

    def audit(self) -> tuple[int, str]:
        """What ``threshold-server audit`` says, and its exit status."""
        return self.machine.attempt("threshold-server audit")

    def is_active(self, unit: str) -> bool:
        """Whether systemd calls the unit active."""
        return self.machine.attempt(f"systemctl is-active {unit}", seconds=20)[1].strip() == "active"

    def start_s(self, unit: str) -> float:
        """Starts the unit: seconds until systemd calls it active."""
        command = f"a=$(date +%s%N); systemctl start {unit} && b=$(date +%s%N) && echo $((b - a))"
        return int(self.machine.run(command, seconds=120)) / 1e9

    def up_s(self, unit: str) -> float:
        """Seconds from systemd's own begin until the unit was active."""
        begin = self.machine.run("systemctl show --value -p UserspaceTimestampMonotonic")
        return (int(self.property(unit, "ActiveEnterTimestampMonotonic")) - int(begin)) / 1e6

    def property(self, unit: str, name: str) -> str:
        """A property of the unit, as ``systemctl show`` says it."""
        return self.machine.run(f"systemctl show --value -p {name} {unit}").strip()

    def memory_mb(self, unit: str) -> float:
        """The unit's processes' share of the memory (PSS), in MB."""
        said = self._of_processes(unit, "awk '/^Pss:/ { print $2 }' /proc/$p/smaps_rollup")
        return sum(float(part) for part in said.split()) / 1000

    def cpu_s(self, unit: str) -> float:
        """Seconds of processor time that the unit's processes have used."""
        said = self._of_processes(unit, "awk '{ print $14 + $15 }' /proc/$p/stat")
        return sum(float(part) for part in said.split()) / 100

    def _of_processes(self, unit: str, command: str) -> str:
        main = f"m=$(systemctl show --value -p MainPID {unit})"
        return self.machine.run(f"{main}; for p in $m $(cat /proc/$m/task/*/children); do {command}; done")

    # -- looking

    def _answer(self, before: int) -> str | None:
        return next((face["key"] for face in self._faces[before:] if face["state"] in ANSWERS), None)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        wait_for(condition, what, ATTEMPTS_S * self.machine.patience)

    def _look(self, onlooker: subprocess.Popen[bytes]) -> None:
        assert onlooker.stdout is not None
        for line in onlooker.stdout:
            with suppress(ValueError):
                self._faces.append(json.loads(line))
