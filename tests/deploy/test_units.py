"""The systemd units are accepted by systemd itself, are well locked up, and say what the scripts put in place."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.__main__ import main as kiosk_commands
from server.__main__ import main as server_commands

PROJECT = Path(__file__).parents[2]
UNITS = PROJECT / "systemd"
ROLES = ("server", "kiosk")
EVERY = sorted(path.name for path in UNITS.iterdir())
MOST_EXPOSED = 20
"""In tenths of what systemd-analyze says."""
LOCKED_UP = ("threshold-server", "threshold-kiosk", "threshold-backup", "threshold-power")

analysed = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")


def unit(role: str) -> str:
    return (UNITS / f"threshold-{role}.service").read_text(encoding="utf-8")


def said(name: str) -> str:
    """What the unit says, without its comments."""
    lines = (UNITS / name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def command(role: str) -> str:
    found = re.search(r"^ExecStart=(.+)$", unit(role), re.MULTILINE)
    assert found
    return found[1]


def analyse(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@analysed
@pytest.mark.parametrize("name", EVERY)
def test_systemd_finds_no_fault_in_a_unit(name: str, tmp_path: Path) -> None:
    for path in UNITS.iterdir():  # a timer and a path name the service beside them
        text = path.read_text(encoding="utf-8")
        installed = re.sub(r"/opt/threshold/\.venv/bin/[^ \n]+", "/bin/true", text)
        (tmp_path / path.name).write_text(installed, encoding="utf-8")

    verdict = analyse("verify", "--man=no", tmp_path / name)

    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


@analysed
@pytest.mark.parametrize("name", LOCKED_UP)
def test_a_service_is_little_exposed(name: str) -> None:
    verdict = analyse("security", "--offline=true", f"--threshold={MOST_EXPOSED}", UNITS / f"{name}.service")

    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize("name", EVERY)
def test_a_command_of_a_unit_is_one_that_the_program_has(name: str) -> None:
    for role, words in re.findall(r"/opt/threshold/\.venv/bin/threshold-(\w+) ([^'\n]+)", said(name)):
        option, settings, *rest = words.split()
        assert (option, settings) == ("--config", f"/etc/threshold/{role}.toml")
        group = {"server": server_commands, "kiosk": kiosk_commands}[role]
        with group.make_context(role, [option, settings, *rest]) as context:
            for chosen in rest[:1]:
                group.commands[chosen].make_context(chosen, rest[1:], parent=context)


@pytest.mark.parametrize("role", ROLES)
def test_a_unit_starts_the_installed_command_as_its_own_user(role: str) -> None:
    assert command(role).startswith(f"/opt/threshold/.venv/bin/threshold-{role} --config ")
    assert f"\nUser=threshold-{role}\n" in unit(role)


@pytest.mark.parametrize("role", ROLES)
def test_a_service_may_write_its_data_and_comes_back_after_a_crash(role: str) -> None:
    example = UNITS.parent / "deploy" / "etc" / f"{role}.toml"

    assert f"\nStateDirectory=threshold-{role}\n" in unit(role)
    assert f'\ndata = "/var/lib/threshold-{role}"\n' in example.read_text(encoding="utf-8")
    assert "\nRestart=always\n" in unit(role)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_starts_also_where_its_secret_is_not_there(name: str) -> None:
    handed_over = set(re.findall(r"^LoadCredential=([a-z-]+):", said(name), re.MULTILINE))

    assert set(re.findall(r"^SetCredential=([a-z-]+):\\n$", said(name), re.MULTILINE)) == handed_over


def test_a_kiosk_reaches_cameras_and_waits_for_no_network() -> None:
    assert "\nDeviceAllow=char-video4linux rw\n" in unit("kiosk")
    assert "\nWatchdogSec=30\n" in unit("kiosk")
    assert "network" not in said("threshold-kiosk.service")


def test_the_word_of_a_steward_is_looked_for_where_the_kiosk_may_leave_it() -> None:
    watched = re.search(r"^PathExists=/run/([a-z-]+)/power$", said("threshold-power.path"), re.MULTILINE)

    assert watched
    assert f"\nRuntimeDirectory={watched[1]}\n" in unit("kiosk")
    assert f"/run/{watched[1]}/power" in command("power")


@pytest.mark.parametrize("script", ["power", "screen"])
def test_a_unit_runs_a_script_that_is_installed_with_the_program(script: str) -> None:
    program = re.search(r"/opt/threshold/(deploy/[a-z]+\.sh)", command(script))

    assert program
    assert (PROJECT / program[1]).is_file()


def test_the_install_script_puts_every_unit_in_place() -> None:
    scripts = "".join((PROJECT / "deploy" / name).read_text(encoding="utf-8") for name in ("install.sh", "screen.sh"))

    assert [name for name in EVERY if name not in scripts] == []


def test_what_is_installed_is_taken_away_again() -> None:
    scripts = "".join((PROJECT / "deploy" / name).read_text(encoding="utf-8") for name in ("uninstall.sh", "screen.sh"))

    assert [name for name in EVERY if name not in scripts] == []
