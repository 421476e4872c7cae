"""What the install scripts say before they touch the machine, and how the installed commands call the program."""

import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SETPRIV = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", DEPLOY / script, *words], capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("install-server.sh", ["--screen"]),
        ("install-server.sh", ["--nostart"]),
        ("install-server.sh", ["--tls", "name", "more"]),
        ("install-kiosk.sh", ["--tls", "name"]),
        ("install-kiosk.sh", ["again"]),
        ("install-kiosk.sh", ["--uninstall", "--yes"]),
        ("install-kiosk.sh", ["--uninstall", "--no-start"]),
        ("install-server.sh", ["--purge", "--yes"]),
        ("install.sh", []),
        ("install.sh", ["door"]),
        ("uninstall.sh", []),
        ("upkeep.sh", ["door"]),
        ("screen.sh", []),
        ("screen.sh", ["maybe"]),
        ("tls.sh", ["on"]),
        ("tls.sh", ["off", "name"]),
    ],
)
def test_what_a_script_does_not_understand_is_answered_with_how_it_is_used(script: str, words: list[str]) -> None:
    answer = run(script, *words)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("threshold: usage: sh deploy/")


@pytest.mark.parametrize("words", [["--tls"], ["--tls", "--no-start"]])
def test_tls_without_a_name_says_what_a_name_looks_like(words: list[str]) -> None:
    answer = run("install-server.sh", *words)

    assert answer.returncode == 1
    assert "like --tls checkin.example.org,192.168.1.5" in answer.stderr


@pytest.mark.parametrize("names", ["a b", "a,,b", ",a", "a,", "a/b", "a{b", "a\nb", "a&b"])
def test_nothing_but_names_reaches_the_configuration_of_caddy(names: str) -> None:
    answer = run("tls.sh", "on", names)

    assert answer.returncode == 1
    assert "not names with commas between" in answer.stderr


def test_data_is_not_deleted_unless_somebody_says_so() -> None:
    answer = subprocess.run(
        ["sh", DEPLOY / "install-kiosk.sh", "--uninstall", "--purge"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": f"{DEPLOY}:/usr/bin:/bin"},
    )

    assert answer.returncode == 1
    assert "deletes /var/lib/threshold-kiosk" in answer.stderr or "there is no systemd here" in answer.stderr


def command(folder: Path, name: str, user: int) -> list[str]:
    """What the installed command calls, and how."""
    link = folder / name
    link.symlink_to(DEPLOY / "command.sh")
    for tool, text in (("setpriv", SETPRIV), ("id", f"#!/bin/sh\n[ $1 = -u ] && echo {user} || echo somebody\n")):
        (folder / tool).write_text(text, encoding="utf-8")
        (folder / tool).chmod(0o755)
    called = subprocess.run(
        ["sh", link, "add-user", "anna maria"],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return (called.stdout or called.stderr).splitlines()


@pytest.mark.parametrize("name", ["threshold-server", "threshold-kiosk"])
def test_root_calls_the_program_as_the_services_user_with_the_machines_settings(tmp_path: Path, name: str) -> None:
    words = command(tmp_path, name, user=0)

    assert words[:3] == [f"--reuid={name}", f"--regid={name}", "--init-groups"]
    settings = f"/etc/threshold/{name.removeprefix('threshold-')}.toml"
    assert words[-5:] == [f"/opt/threshold/.venv/bin/{name}", "--config", settings, "add-user", "anna maria"]


def test_somebody_else_is_told_to_ask_root(tmp_path: Path) -> None:
    (sentence,) = command(tmp_path, "threshold-server", user=1000)

    assert sentence == "threshold-server: only root may: sudo threshold-server add-user anna maria"


def test_the_command_under_another_name_says_under_which_it_is_run(tmp_path: Path) -> None:
    assert command(tmp_path, "command", user=0) == ["this is run as threshold-server or threshold-kiosk"]


def test_tls_makes_settings_of_what_the_example_has_as_comments() -> None:
    example = (DEPLOY / "etc" / "server.toml").read_text(encoding="utf-8").splitlines()

    assert {"# https = true", "# proxies = 1", '# ca = "/etc/threshold/ca.crt"'} <= set(example)


def begun(folder: Path, settings: str) -> subprocess.CompletedProcess[str]:
    file = folder / "server.toml"
    file.write_text(settings.replace("/var/lib/threshold-server", str(folder / "data")), encoding="utf-8")
    return run("begun.sh", str(file), str(folder / "data"))


def test_a_server_without_an_event_is_not_started_and_says_how_to_make_one(tmp_path: Path) -> None:
    answer = begun(tmp_path, (DEPLOY / "etc" / "server.toml").read_text(encoding="utf-8"))

    assert answer.returncode == 1
    assert "threshold-server init" in answer.stdout


@pytest.mark.parametrize("beside", ["threshold.db.turn", "threshold.db.restoring", "set-aside"])
def test_a_server_whose_database_is_gone_is_not_begun_anew(tmp_path: Path, beside: str) -> None:
    (tmp_path / "data" / beside).mkdir(parents=True)
    answer = begun(tmp_path, (DEPLOY / "etc" / "server.toml").read_text(encoding="utf-8"))

    assert answer.returncode == 1
    assert "threshold-server restore FILE" in answer.stdout
    assert "threshold-server init" not in answer.stdout


def test_a_server_with_a_database_is_started(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "threshold.db").touch()

    assert begun(tmp_path, (DEPLOY / "etc" / "server.toml").read_text(encoding="utf-8")).returncode == 0


@pytest.mark.parametrize(
    "settings",
    [
        'data = "/var/lib/threshold-server"\ndatabase = "postgresql://threshold@localhost/threshold"\n',
        'data = "/srv/threshold"\n',
    ],
)
def test_where_it_cannot_be_told_whether_there_is_an_event_the_server_is_started(tmp_path: Path, settings: str) -> None:
    assert begun(tmp_path, settings).returncode == 0
