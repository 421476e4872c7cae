"""The guest in a container, spoken to through its namespaces. Must not know what it is used for."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.appliance.machine import PATH, Base, Broken, Machine, wait_for

SHUTDOWN, NO_LAST_WRITE = 0x8004587D, 2


class Container(Machine):
    """systemd-nspawn with a network and a disk of its own, at full speed. Its kernel is this machine's, so a power cut
    takes its disk away first: what was not yet written there is lost, as in a machine."""

    def __init__(self, base: Base, folder: Path) -> None:
        super().__init__(base, folder)
        self._name = f"threshold-{os.getpid()}"
        self._tree = folder / "tree"
        self._network: subprocess.Popen[bytes] | None = None
        self._tree.mkdir()
        subprocess.run(["cp", "--sparse=always", base.folder / "disk", folder / "disk"], check=True)
        self._make_network()

    def boot(self) -> None:
        """See Machine."""
        subprocess.run(["mount", "-o", "loop", self.folder / "disk", self._tree], check=True)
        options = ["--quiet", "--console=read-only", f"--machine={self._name}", "--boot", "--resolv-conf=off"]
        options += ["--link-journal=no", f"--network-namespace-path=/run/netns/{self._name}"]
        if not Path("/run/systemd/system").is_dir():
            options += ["--register=no", "--keep-unit"]  # there is no systemd here that could be told
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                ["systemd-nspawn", *options, f"--directory={self._tree}"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._wait_until_up(60)

    def words(self, command: str) -> list[str]:
        """See Machine."""
        inside = ["env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "sh", "-c", f"cd; {command}"]
        return ["nsenter", "--target", str(self._leader()), "--all", "--", *inside]

    def cut(self) -> None:
        """See Machine."""
        if self._tree.is_mount():
            take_disk_away(self._tree)
        super().cut()
        if self._tree.is_mount():
            wait_for(self._lets_go, f"{self._tree} is unmounted", 60)
        wait_for(self._is_put_away, "the disk's loop device is free", 60)

    def _lets_go(self) -> bool:
        return subprocess.run(["umount", self._tree], capture_output=True, check=False).returncode == 0

    def _is_put_away(self) -> bool:
        """A namespace that is still ending holds the disk as it was; a mount would get that one again."""
        found = subprocess.run(["losetup", "--associated", self.folder / "disk"], capture_output=True, check=True)
        return not found.stdout.strip()

    def end(self) -> None:
        """See Machine."""
        try:
            super().end()
        finally:
            if self._network is not None:
                self._network.kill()
                self._network.wait()
            subprocess.run(["ip", "netns", "delete", self._name], capture_output=True, check=False)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        for child in children(process.pid):  # with its PID 1 everything in the container ends at once
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        super()._kill(process)

    def _leader(self) -> int:
        if self._process is None:
            raise Broken("the guest is off")
        for child in children(self._process.pid):
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return child
        raise Broken("the container has no PID 1 yet")

    def _make_network(self) -> None:
        subprocess.run(["ip", "netns", "add", self._name], check=True)
        subprocess.run(["ip", "-n", self._name, "link", "set", "lo", "up"], check=True)
        self._network = subprocess.Popen(
            ["slirp4netns", "--configure", "--mtu=1400", "--netns-type=path", f"/run/netns/{self._name}", "tap0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def take_disk_away(mount: Path) -> None:
    """From now on nothing is written to the file system any more, and what was not yet written is lost (the ioctl
    EXT4_IOC_SHUTDOWN, without a last write to its journal)."""
    folder = os.open(mount, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", NO_LAST_WRITE))
    finally:
        os.close(folder)


def children(pid: int) -> Sequence[int]:
    """The processes that this one has started."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
