"""A machine whose /etc, /opt, /run, /usr/local/bin and /var/lib are folders of a test, for scripts that run as root.

They are put there in a mount namespace of their own, so nothing of this machine is changed. systemctl is a stand-in
that notes its calls; other programs may be given as stand-ins too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROGRAM = "/opt/threshold"
OURS = ("etc", "opt", "run", "usr/local/bin", "var/lib")
NEEDED = (
    "alternatives",
    "group",
    "ld.so.cache",
    "login.defs",
    "mke2fs.conf",
    "nsswitch.conf",
    "pam.d",
    "passwd",
    "security",
)
SYSTEMCTL = '#!/bin/sh\necho "$*" >>"$BLANK/calls"\ncase "$*" in *is-enabled* | *is-active*) exit 1 ;; esac\n'


def _can_be_made() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


needs_root = pytest.mark.skipif(not _can_be_made(), reason="needs root and a mount namespace")


@dataclass(frozen=True)
class Blank:
    """``folder`` holds what the machine holds."""

    folder: Path

    def make(self) -> None:
        """The folders, and of /etc what every program needs."""
        for one in (*OURS, "bin"):
            (self.folder / one).mkdir(parents=True)
        for name in NEEDED:
            source = Path("/etc") / name
            if source.is_dir():
                shutil.copytree(source, self.folder / "etc" / name, symlinks=True)
            elif source.exists():
                shutil.copy2(source, self.folder / "etc" / name)
        self.stand_in("systemctl", SYSTEMCTL)

    def stand_in(self, name: str, text: str) -> None:
        """A program that is found before the real one."""
        (self.folder / "bin" / name).write_text(text, encoding="utf-8")
        (self.folder / "bin" / name).chmod(0o755)

    def add_user(self, name: str, number: int) -> None:
        """A user of the system."""
        for file, line in (
            ("passwd", f"{name}:x:{number}:{number}::/nowhere:/bin/false"),
            ("group", f"{name}:x:{number}:"),
        ):
            with (self.folder / "etc" / file).open("a", encoding="utf-8") as opened:
                opened.write(f"{line}\n")

    def run(self, *words: str | Path, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command on it; ``before``: shell commands that run first."""
        mounts = [f'mount --bind "$BLANK/{one}" /{one}' for one in OURS]
        script = " && ".join([*mounts, before or "true", 'exec "$@"'])
        path = f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", *words],
            env={"PATH": path, "BLANK": str(self.folder), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            start_new_session=True,
        )

    def calls(self) -> list[str]:
        """What systemctl was asked."""
        file = self.folder / "calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@dataclass(frozen=True)
class Installed(Blank):
    """A machine with the program's scripts in their place, and a checkout to install from that needs no packages."""

    def file(self, path: str) -> Path:
        return self.folder / path.removeprefix("/")

    def write(self, path: str, text: str) -> Path:
        self.file(path).parent.mkdir(parents=True, exist_ok=True)
        self.file(path).write_text(text, encoding="utf-8")
        return self.file(path)

    def script(self, name: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("sh", f"{PROGRAM}/deploy/{name}", *words, **environment)

    def install(self, role: str, before: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("sh", f"/opt/checkout/deploy/install-{role}.sh", "--no-start", before=before)
