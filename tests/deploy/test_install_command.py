"""The installed commands (deploy/command.sh): as whom they run, and what they say of files that it cannot reach."""

from __future__ import annotations

import subprocess

import pytest

from tests.deploy.blank import PROGRAM, Installed, needs_root

pytestmark = needs_root


@pytest.fixture
def command(machine: Installed) -> Installed:
    """The installed command; the program notes as whom it runs."""
    machine.file(f"{PROGRAM}/deploy/command.sh").chmod(0o755)
    machine.file("/usr/local/bin/threshold-server").symlink_to(f"{PROGRAM}/deploy/command.sh")
    told = '#!/bin/sh\nid -u; id -ru; id -G; grep -E "^(CapEff|CapPrm|CapAmb)" /proc/self/status | cut -f 2\n'
    machine.write(f"{PROGRAM}/.venv/bin/threshold-server", told).chmod(0o755)
    machine.file("/var/lib/work").mkdir()
    return machine


def call(machine: Installed, *words: str, folder: str = "/var/lib/work") -> subprocess.CompletedProcess[str]:
    return machine.run("sh", "-c", 'cd "$0" && exec /usr/local/bin/threshold-server "$@"', folder, *words)


def test_a_command_is_the_services_user_and_nothing_more(command: Installed) -> None:
    answer = call(command, "doctor")

    assert answer.stderr == ""
    assert answer.stdout.split() == ["64100", "64100", "64100", *["0000000000000000"] * 3]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["import", "people"], "cannot read people"),
        (["import", "/var/lib/work/people"], "cannot read /var/lib/work/people"),
        (["read-journal", "closed.journal"], "cannot read closed.journal"),
        (["print-badges", "--out", "badges.pdf"], "cannot write to the folder ."),
        (["print-badges", "--out=/var/lib/work/badges.pdf"], "cannot write to the folder /var/lib/work"),
        (["archive", "event.db"], "cannot write to the folder ."),
        (["backup", "--to", "/var/lib/work"], "cannot write to the folder /var/lib/work"),
    ],
)
def test_a_file_that_the_user_cannot_reach_is_told_before_anything_is_done(
    command: Installed, words: list[str], why: str
) -> None:
    command.write("/var/lib/work/people/people.csv", "").chmod(0o600)
    command.write("/var/lib/work/closed.journal", "").chmod(0o600)

    answer = call(command, *words)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert f"threshold-server: this runs as the user threshold-server, who {why}" in answer.stderr
    assert "/tmp" in answer.stderr
    assert "/var/lib/threshold-server" in answer.stderr


def test_a_file_that_everybody_may_read_and_a_folder_that_everybody_may_write_are_taken(command: Installed) -> None:
    command.write("/var/lib/work/people/people.csv", "")
    command.file("/var/lib/work").chmod(0o1777)

    assert call(command, "import", "people").returncode == 0
    assert call(command, "print-badges", "--out", "badges.pdf").returncode == 0
    assert call(command, "add-user", "anna", "--role", "admin").returncode == 0


def test_it_does_not_matter_that_root_calls_from_a_folder_of_its_own(command: Installed) -> None:
    command.write("/var/lib/work/people/people.csv", "")
    command.file("/opt/home").mkdir(mode=0o700)

    assert call(command, "import", "/var/lib/work/people", folder="/opt/home").returncode == 0
    assert call(command, "archive", "/tmp/event-of-nobody.db", folder="/opt/home").returncode == 0
