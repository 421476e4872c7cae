"""A real Debian with systemd as PID 1: booted, spoken to, robbed of its power.

What it runs in is in nspawn.py and qemu.py. Must not know what is installed in the guest, nor what is tested.
"""

from __future__ import annotations

import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SUPERBLOCK, INCOMPAT, NEEDS_RECOVERY = 1024, 0x60, 0x4


class Broken(Exception):
    """The guest did not do what every Debian does; says what, with the last words that it said."""


def wait_for(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Returns once the condition holds. Raises Broken, saying ``what`` did not happen."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise Broken(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Base:
    """What is booted. ``folder``: disk, kernel and initrd; ``key``: root's; ``arch``: Debian's name for it."""

    folder: Path
    key: Path
    arch: str


class Machine(ABC):
    """One guest with a disk of its own, which outlives its boots."""

    native = True
    """Whether its processor is this machine's own, so that times mean something."""

    patience = 1.0
    """How many times longer than on a small computer things may take."""

    def __init__(self, base: Base, folder: Path) -> None:
        self.base = base
        self.folder = folder
        self.console = folder / "console"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def boot(self) -> None:
        """Turns it on, and returns when systemd has started everything. Raises Broken."""

    @abstractmethod
    def words(self, command: str) -> list[str]:
        """The command here that runs the shell command there, as root."""

    def run(self, command: str, given: bytes | None = None, seconds: float = 60) -> str:
        """What the shell command printed. Raises Broken if it fails or takes longer than a small computer's
        ``seconds``."""
        code, said = self.attempt(command, given, seconds)
        if code != 0:
            raise Broken(f"{command.splitlines()[0]} ended with {code}: {said[-1500:]}")
        return said

    def attempt(self, command: str, given: bytes | None = None, seconds: float = 60) -> tuple[int, str]:
        """The exit status of the shell command, and all that it printed. Raises Broken if it takes too long."""
        try:
            done = subprocess.run(
                self.words(command),
                input=given or b"",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds * self.patience,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Broken(f"{command.splitlines()[0]} still ran after {error.timeout:.0f} s") from error
        return done.returncode, done.stdout.decode(errors="replace")

    def follow(self, command: str) -> subprocess.Popen[bytes]:
        """The shell command, running, with its output to read."""
        return subprocess.Popen(
            self.words(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def put(self, path: str, content: bytes) -> None:
        """Writes a file, whole or not at all."""
        self.run(f"mkdir -p {Path(path).parent} && cat > {path}.new && mv {path}.new {path}", content)

    def cut(self) -> None:
        """Takes the power away: nothing in the guest is told."""
        if self._process is not None:
            self._kill(self._process)
            self._process = None

    def end(self) -> None:
        """Leaves nothing running."""
        self.cut()

    def is_unclean(self) -> bool:
        """Whether nobody has unmounted the disk of a machine that is off (ext4's superblock, s_feature_incompat)."""
        with (self.folder / "disk").open("rb") as disk:
            disk.seek(SUPERBLOCK + INCOMPAT)
            return bool(int.from_bytes(disk.read(4), "little") & NEEDS_RECOVERY)

    def last_words(self) -> str:
        """The end of what it wrote to its console."""
        return self.console.read_text(errors="replace")[-1500:] if self.console.exists() else ""

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def _wait_until_up(self, seconds: float) -> None:
        try:
            wait_for(self._is_up, "systemd has started everything", seconds * self.patience)
        except Broken as error:
            raise Broken(f"{error}; its console: {self.last_words()}") from error

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise Broken(f"the guest has ended: {self.last_words()}")
        with suppress(Broken):
            state = self.attempt("systemctl is-system-running", seconds=10)[1].strip()
            return state in ("running", "degraded")  # degraded: something failed; what it is, is for others to say
        return False
