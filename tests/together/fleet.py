"""Many kiosk processes at one server, each behind a link of its own, and what can happen to any of them.

A kiosk is called by the name of its gate; a clone of it has a name of its own.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy.engine import make_url

from admission import wire
from admission.wire import Enrolment
from tests.together.conftest import Site, free_port, wait_for
from tests.together.proxy import Cut, Link

ENDS_S = 20


@dataclass(frozen=True)
class Outcome:
    """What the screen showed, and how long after the badge was held up. ``gone``: the process ended first."""

    state: str
    key: str
    ms: float

    @property
    def green(self) -> bool:
        """Whether the visitor was let in."""
        return self.state == "welcome"


GONE = Outcome("gone", "gone", 0.0)


@dataclass
class Kiosk:
    """One kiosk process, its folder and its link. ``greens``: the badges that it was seen to admit, in order.

    ``machine`` names the computer that it runs on; ``booted_s``: that was booted so many seconds before the process
    begins, and has no clock (None: as this one was).
    """

    name: str
    folder: Path
    link: Link
    machine: str = ""
    booted_s: int | None = None
    boots: int = 0
    greens: list[str] = field(default_factory=list)
    running: subprocess.Popen[str] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def start(self) -> None:
        """Starts the process on what its folder holds."""
        words = ["-m", "tests.together.turnstile", "--data", str(self.folder)]
        words += ["--enrolment", str(self.folder / "enrolment.json")]
        words += ["--machine", self.machine or self.name, "--boot", f"{self.machine or self.name}-{self.boots}-"]
        with self.log.open("ab") as log:
            pipe = subprocess.PIPE
            program = [*self._another_boot(), sys.executable, *words]
            self.running = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=log, text=True)

    def _another_boot(self) -> list[str]:
        """What makes a process believe that its computer was booted at another time."""
        if self.booted_s is None:
            return []
        later = self.booted_s - int(time.clock_gettime(time.CLOCK_BOOTTIME))
        return ["unshare", "--time", "--boottime", str(later)]

    def reboot(self, seconds_ago: int) -> None:
        """The plug is pulled, and the computer booted anew: its clock says nothing of before."""
        self.kill()
        self.booted_s, self.boots = seconds_ago, self.boots + 1
        self.start()

    def present(self, token: str) -> Outcome:
        """Holds the badge up until the screen has an answer."""
        answer = self._ask({"present": token})
        outcome = Outcome(**answer) if answer is not None else GONE
        if outcome.green:
            self.greens.append(token)
        return outcome

    def state(self) -> dict[str, Any]:
        """Link, queue, accounts and incarnation; empty if the process has ended."""
        return self._ask({"state": True}) or {}

    def balance(self, room: str) -> int:
        """The seats of the room that this kiosk may still spend."""
        one = self.state().get("accounts", {}).get(room)
        return one["granted"] - one["returned"] - one["entries"] + one["exits"] if one is not None else 0

    def quit(self) -> int:
        """Ends in order; the exit status."""
        assert self.running is not None
        with suppress(OSError):
            _write(self.running.stdin, {"quit": True})
        return self.wait()

    def kill(self) -> None:
        """The plug is pulled, whatever it is doing."""
        if self.running is not None:
            self.running.send_signal(signal.SIGKILL)
            self.wait()

    def wait(self) -> int:
        """The exit status, once the process has ended by itself."""
        assert self.running is not None
        status = self.running.wait(ENDS_S)
        with self._turn:  # whoever waits for an answer reads the end of the pipe first
            for pipe in (self.running.stdin, self.running.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        self.running = None
        return status

    def _ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        with self._turn:
            running = self.running
            if running is None or running.stdout is None:
                return None
            try:
                _write(running.stdin, question)
                line = running.stdout.readline()
            except (OSError, ValueError):  # the pipe's other end, or this one, is closed
                return None
            answer: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
            return answer


def _write(pipe: IO[str] | None, line: dict[str, Any]) -> None:
    assert pipe is not None
    pipe.write(json.dumps(line) + "\n")
    pipe.flush()


class Fleet:
    """The kiosks of one site. Use as a context manager: whatever still runs at the end is ended."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.kiosks: dict[str, Kiosk] = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __getitem__(self, name: str) -> Kiosk:
        return self.kiosks[name]

    def start(self, *gates: str) -> None:
        """Starts a kiosk at each of these gates."""
        for gate in gates:
            folder = self.site.folder / f"kiosk-{gate}"
            folder.mkdir()
            self._add(gate, folder, self.site.world.enrolments[gate]).start()

    def start_ready(self, *gates: str) -> None:
        """The same, and waits until each has heard everything; those at doors that lead in hold seats then."""
        self.start(*gates)
        for gate in gates:
            wait_until(lambda gate=gate: self.ready(gate), f"{gate} is ready")  # type: ignore[misc]

    def ready(self, name: str) -> bool:
        """Whether the kiosk knows where it stands and has a link and an account, with seats if it needs any."""
        state = self[name].state()
        accounts = state.get("accounts", {}).values()
        spends = not name.startswith("out")
        return bool(
            state.get("ready") and state["up"] and accounts and (not spends or any(one["granted"] for one in accounts))
        )

    def present(self, gate: str, token: str) -> Outcome:
        """A badge is held up at the gate."""
        return self[gate].present(token)

    def present_many(self, queues: Mapping[str, Iterable[str]]) -> dict[str, list[Outcome]]:
        """A queue of badges at each gate, all gates at once. A queue whose kiosk has ended goes no further."""
        with ThreadPoolExecutor(max_workers=max(1, len(queues))) as pool:
            served = {gate: pool.submit(self._serve, gate, queue) for gate, queue in queues.items()}
            return {gate: outcomes.result() for gate, outcomes in served.items()}

    def _serve(self, gate: str, queue: Iterable[str]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for token in queue:
            outcomes.append(self.present(gate, token))
            if outcomes[-1] is GONE:
                break
        return outcomes

    def restart(self, name: str) -> None:
        """Kills the kiosk, if it runs, and starts it on what its disk holds."""
        self[name].kill()
        self[name].start()

    def copy_card(self, name: str) -> Path:
        """The kiosk is off for a moment, and its SD card is copied; the copy's folder."""
        number = len(list(self.site.folder.glob(f"kiosk-{name}-card-*"))) + 1
        copy = self.site.folder / f"kiosk-{name}-card-{number}"
        self[name].quit()
        shutil.copytree(self[name].folder, copy)
        self[name].start()
        return copy

    def put_card(self, name: str, copy: Path) -> None:
        """The kiosk is switched off and started again on an earlier copy of its card."""
        self[name].kill()
        shutil.rmtree(self[name].folder)
        shutil.copytree(copy, self[name].folder)
        self[name].start()

    def clone(self, name: str, copy: str, how: Cut | None = None) -> Kiosk:
        """The card is copied and the copy started in another computer, beside the first; behind a link that is cut, if
        ``how`` says so."""
        second = self._add(copy, self.copy_card(name), self.site.world.enrolments[name])
        if how is not None:
            second.link.cut(how)
        second.start()
        return second

    def back_up(self) -> Path:
        """A copy of the server's database as it is now, made while the server runs (SQLite's own way)."""
        number = len(list(self.site.folder.glob("backup-*.db"))) + 1
        copy = self.site.folder / f"backup-{number}.db"
        with closing(sqlite3.connect(self._database)) as live, closing(sqlite3.connect(copy)) as kept:
            live.backup(kept)
        return copy

    def put_back(self, copy: Path, how: int = signal.SIGKILL) -> None:
        """The server is ended, its database replaced by an earlier copy, and the server started again."""
        self.site.server.end(how)
        for suffix in ("-wal", "-shm"):
            Path(f"{self._database}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(copy, self._database)
        self.site.start_server()

    def close(self) -> None:
        """Ends all kiosks and links."""
        for kiosk in self.kiosks.values():
            with suppress(subprocess.TimeoutExpired):
                kiosk.kill()
            kiosk.link.close()

    @property
    def _database(self) -> Path:
        return Path(str(make_url(self.site.url).database))

    def _add(self, name: str, folder: Path, enrolment: Enrolment) -> Kiosk:
        link = Link(free_port(), int(self.site.address.rpartition(":")[2]))
        through = msgspec.structs.replace(enrolment, server=link.url)
        (folder / "enrolment.json").write_bytes(wire.encode(through))
        self.kiosks[name] = Kiosk(name, folder, link)
        return self.kiosks[name]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Returns once the condition holds; fails, saying ``what`` did not happen."""
    wait_for(condition, what, seconds)


def audit(site: Site) -> tuple[int, str]:
    """What ``threshold-server audit`` says, beside the server if that runs: its exit status and its report."""
    words = ["-m", "server", "--config", str(site.folder / "server.toml"), "audit"]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout + ended.stderr
