"""How the kiosk's screen is started (deploy/show.sh)."""

import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
CAGE = '#!/bin/sh\nif [ "$1" = -h ]; then printf "%s\\n" "$CAGE_HELP"; else printf "%s\\n" cage "$@"; fi\n'
CHROMIUM = '#!/bin/sh\nprintf "%s\\n" chromium "$@"\n'
WLR_RANDR = """#!/bin/sh
if [ $# -ne 0 ]; then echo "turned $*"; exit; fi
printf '%s\\n' 'HDMI-A-1 "a display"' '  Enabled: yes' 'DSI-1 "another"'
"""
OLDER, NEWER = " -r\t Rotate the output", " -s\t Allow VT switching"


def show(folder: Path, *words: str, cage_help: str = OLDER, **settings: str) -> subprocess.CompletedProcess[str]:
    for name, text in (("cage", CAGE), ("chromium", CHROMIUM), ("wlr-randr", WLR_RANDR)):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "RUNTIME_DIRECTORY": str(folder), "CAGE_HELP": cage_help}
    return subprocess.run(
        ["sh", DEPLOY / "show.sh", *words], env=environment | settings, capture_output=True, text=True, check=False
    )


def test_the_browser_opens_the_page_that_waits_and_is_told_what_for(tmp_path: Path) -> None:
    words = show(tmp_path, "page").stdout.splitlines()

    assert words[0] == "chromium"
    assert words[-1] == f"file://{DEPLOY}/etc/waiting.html#http://127.0.0.1:8090/"


def test_the_browser_keeps_its_profile_in_the_folder_of_the_service(tmp_path: Path) -> None:
    words = show(tmp_path, "page").stdout.splitlines()

    assert f"--user-data-dir={tmp_path}/profile" in words


@pytest.mark.parametrize(("turn", "quarters"), [("0", []), ("90", ["-r"]), ("180", 2 * ["-r"]), ("270", 3 * ["-r"])])
def test_an_older_cage_turns_the_display_itself(tmp_path: Path, turn: str, quarters: list[str]) -> None:
    started = show(tmp_path, THRESHOLD_SCREEN_TURN=turn).stdout.splitlines()

    assert started == ["cage", *quarters, "--", "sh", str(DEPLOY / "show.sh"), "page"]
    assert "turned" not in show(tmp_path, "page", THRESHOLD_SCREEN_TURN=turn).stdout


def test_a_newer_cage_has_every_display_turned_for_it(tmp_path: Path) -> None:
    started = show(tmp_path, cage_help=NEWER, THRESHOLD_SCREEN_TURN="270").stdout.splitlines()
    words = show(tmp_path, "page", cage_help=NEWER, THRESHOLD_SCREEN_TURN="270").stdout.splitlines()

    assert started[:3] == ["cage", "--", "sh"]
    assert words[:2] == ["turned --output HDMI-A-1 --transform 270", "turned --output DSI-1 --transform 270"]
    assert words[2] == "chromium"


def test_a_turn_that_is_none_is_refused_with_what_to_write(tmp_path: Path) -> None:
    refused = show(tmp_path, THRESHOLD_SCREEN_TURN="45")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "write 0, 90, 180 or 270" in refused.stderr
