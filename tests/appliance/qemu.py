"""The guest in a virtual machine, spoken to over ssh. Must not know what it is used for."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

from tests.appliance.machine import PATH, Base, Machine

SSH = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
SILENT_S = 25
"""A kernel that has said nothing for so long will not come up: /dev/kvm is there, but does not run this guest."""


class VirtualMachine(Machine):
    """QEMU with Debian's own kernel. Its memory is lost with its process, and so is every write that it still held."""

    def __init__(self, base: Base, folder: Path) -> None:
        super().__init__(base, folder)
        self._port = free_port()
        self._accel = os.environ.get("THRESHOLD_APPLIANCE_ACCEL") or self._best_accel()
        subprocess.run(["cp", "--sparse=always", base.folder / "disk", folder / "disk"], check=True)

    @property
    def native(self) -> bool:  # type: ignore[override]  # known only after the first boot
        """See Machine."""
        return self._accel == "kvm"

    @property
    def patience(self) -> float:  # type: ignore[override]  # likewise
        """See Machine."""
        return 1 if self._accel == "kvm" else 10

    def boot(self) -> None:
        """See Machine. Where KVM is there but does not run this guest, everything is emulated from then on."""
        self._start()
        if self._accel == "kvm" and not self._speaks():
            self.cut()
            self._accel = "tcg"
            self._start()
        self._wait_until_up(90)

    def words(self, command: str) -> list[str]:
        """See Machine."""
        way = ["-i", str(self.base.key), "-p", str(self._port), "-o", "ConnectTimeout=10"]
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self.folder}/ssh", "-o", "ControlPersist=yes"]
        return ["ssh", *SSH, *way, *shared, "root@127.0.0.1", f"export PATH={PATH}; {command}"]

    def cut(self) -> None:
        """See Machine."""
        super().cut()
        subprocess.run(
            ["ssh", "-O", "exit", "-o", f"ControlPath={self.folder}/ssh", "guest"], capture_output=True, check=False
        )

    def _start(self) -> None:
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                [*self._hardware(), *self._devices()], stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )

    def _hardware(self) -> list[str]:
        machine, program, processor, line = {
            "amd64": ("q35", "qemu-system-x86_64", "max", "ttyS0"),
            "arm64": ("virt", "qemu-system-aarch64", "cortex-a72", "ttyAMA0"),
        }[self.base.arch]
        if self._accel == "kvm":
            processor = "host"
        options = [program, "-M", machine, "-accel", self._accel, "-cpu", processor, "-smp", "2", "-m", "2048"]
        options += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
        options += ["-kernel", str(self.base.folder / "kernel"), "-initrd", str(self.base.folder / "initrd")]
        # An emulated machine is late with its first ticks and with its services, which is no reason to give up.
        patient = "" if self.native else "no_timer_check systemd.default_timeout_start_sec=900"
        return [*options, "-append", f"root=/dev/vda rw console={line} net.ifnames=0 panic=-1 {patient}"]

    def _devices(self) -> list[str]:
        inward = f"user,id=net,hostfwd=tcp:127.0.0.1:{self._port}-:22"
        disk = f"file={self.folder / 'disk'},format=raw,if=virtio"
        network = ["-netdev", inward, "-device", "virtio-net-pci,netdev=net,romfile="]
        return ["-drive", disk, *network, "-device", "virtio-rng-pci"]

    def _speaks(self) -> bool:
        assert self._process is not None
        until = time.monotonic() + SILENT_S
        while time.monotonic() < until and self._process.poll() is None:
            if b"Linux version" in self.console.read_bytes() or b"systemd" in self.console.read_bytes():
                return True
            time.sleep(0.2)
        return False

    def _best_accel(self) -> str:
        own = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine) == self.base.arch
        return "kvm" if own and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
