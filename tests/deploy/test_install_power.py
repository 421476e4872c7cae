"""What deploy/power.sh makes of the word that a kiosk leaves for it. systemctl is a stand-in that notes its call."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "power.sh"


@dataclass(frozen=True)
class Machine:
    folder: Path

    @property
    def request(self) -> Path:
        return self.folder / "power"

    def called(self) -> str:
        calls = self.folder / "calls"
        return calls.read_text(encoding="utf-8") if calls.exists() else ""

    def look(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", SCRIPT, self.request],
            env={"PATH": f"{self.folder}:/usr/bin:/bin", "CALLS": str(self.folder / "calls")},
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/sh\n[ ! -e "${CALLS%/*}/power" ] && echo "$*" >>"$CALLS"\n', encoding="utf-8")
    systemctl.chmod(0o755)
    return Machine(tmp_path)


@pytest.mark.parametrize(("word", "call"), [("off", "poweroff\n"), ("off\n", "poweroff\n"), ("again", "reboot\n")])
def test_each_of_the_two_words_is_done_once_the_file_is_gone(machine: Machine, word: str, call: str) -> None:
    machine.request.write_text(word, encoding="utf-8")

    run = machine.look()

    assert (run.returncode, machine.called(), machine.request.exists()) == (0, call, False)


@pytest.mark.parametrize("word", ["", "reboot", "OFF", "off again", "off; rm -rf /", "off\nagain", "off" + 100 * " "])
def test_anything_else_is_removed_and_nothing_is_done(machine: Machine, word: str) -> None:
    machine.request.write_text(word, encoding="utf-8")

    run = machine.look()

    assert (run.returncode, machine.called(), machine.request.exists()) == (1, "", False)
    assert "nothing is done" in run.stderr


def test_no_control_character_of_an_unknown_word_reaches_the_log(machine: Machine) -> None:
    machine.request.write_bytes(b"\x1b[2Jhello")

    assert "??2Jhello" in machine.look().stderr


def test_a_link_is_not_followed(machine: Machine) -> None:
    elsewhere = machine.folder / "elsewhere"
    elsewhere.write_text("off", encoding="utf-8")
    machine.request.symlink_to(elsewhere)

    run = machine.look()

    assert (run.returncode, machine.called(), machine.request.is_symlink()) == (1, "", False)
    assert elsewhere.read_text(encoding="utf-8") == "off"


def test_a_pipe_is_not_waited_for(machine: Machine) -> None:
    os.mkfifo(machine.request)

    assert (machine.look().returncode, machine.called(), machine.request.exists()) == (1, "", False)


def test_a_folder_is_removed_so_that_it_is_not_looked_at_for_ever(machine: Machine) -> None:
    (machine.request / "within").mkdir(parents=True)

    assert (machine.look().returncode, machine.request.exists()) == (1, False)
