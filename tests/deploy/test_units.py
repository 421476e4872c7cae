"""The systemd units are accepted by systemd itself, and say what the install scripts put in place."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
ROLES = ("server", "kiosk")


def unit(role: str) -> str:
    return (UNITS / f"threshold-{role}.service").read_text(encoding="utf-8")


def command(role: str) -> str:
    found = re.search(r"^ExecStart=(.+)$", unit(role), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("role", ROLES)
def test_systemd_finds_no_fault_in_a_unit(role: str, tmp_path: Path) -> None:
    text = unit(role)
    if not Path(command(role).split()[0]).exists():
        text = text.replace(command(role), "/bin/true")
    copy = tmp_path / f"threshold-{role}.service"
    copy.write_text(text, encoding="utf-8")

    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )

    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


@pytest.mark.parametrize("role", ROLES)
def test_a_unit_starts_the_installed_command_with_its_configuration_as_its_own_user(role: str) -> None:
    program, *arguments = command(role).split()

    assert program == f"/opt/threshold/.venv/bin/threshold-{role}"
    assert arguments[-2:] == ["--config", f"/etc/threshold/{role}.toml"]
    assert f"\nUser=threshold-{role}\n" in unit(role)


@pytest.mark.parametrize("role", ROLES)
def test_a_service_may_write_its_data_and_comes_back_after_a_crash(role: str) -> None:
    example = UNITS.parent / "deploy" / "etc" / f"{role}.toml"

    assert f"\nStateDirectory=threshold-{role}\n" in unit(role)
    assert f'\ndata = "/var/lib/threshold-{role}"\n' in example.read_text(encoding="utf-8")
    assert "\nRestart=always\n" in unit(role)


def test_a_kiosk_reaches_cameras_and_waits_for_no_network() -> None:
    assert "\nDeviceAllow=char-video4linux rw\n" in unit("kiosk")
    assert "\nWatchdogSec=30\n" in unit("kiosk")
    assert "network" not in "".join(line for line in unit("kiosk").splitlines() if not line.startswith("#"))
