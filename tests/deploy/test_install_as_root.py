"""What the install scripts do as root where the service's user may have put something in the way, and when they are cut
off; on a machine whose folders are the test's."""

from __future__ import annotations

import shutil
import subprocess
import textwrap

import pytest

from tests.deploy.blank import DEPLOY, PROGRAM, ROOT, Installed, needs_root
from tests.tls import Authority

pytestmark = needs_root


# ---------------------------------------------------------------------------------------------- installing


def test_an_update_changes_nothing_that_a_link_of_the_kiosks_leads_to(machine: Installed) -> None:
    secret = machine.write("/etc/secret", "root's own")
    secret.chmod(0o600)
    machine.file("/var/lib/threshold-kiosk").mkdir()
    machine.file("/var/lib/threshold-kiosk/enrolment.json").symlink_to("/etc/secret")

    answer = machine.install("kiosk")

    assert answer.returncode == 0, answer.stderr
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (0, 0o600)


def test_an_enrolment_that_the_kiosk_cannot_read_is_told_with_what_to_do(machine: Installed) -> None:
    machine.write("/var/lib/threshold-kiosk/enrolment.json", "{}")

    said = machine.install("kiosk").stdout

    assert "does not belong to threshold-kiosk" in said
    assert "install -T -o threshold-kiosk -g threshold-kiosk -m 0600 FILE" in said


@pytest.mark.parametrize(
    ("model", "shown"), [("Raspberry Pi 5 Model B Rev 1.0\\0", True), ("Some Board\\0", False), ("", False)]
)
def test_a_new_kiosk_is_given_its_screen_unasked_on_a_raspberry_pi_alone(
    machine: Installed, model: str, *, shown: bool
) -> None:
    machine.write("/opt/checkout/deploy/screen.sh", 'echo "the screen is $1"\n')
    devices = 'mkdir -p "$BLANK/dev/dri" && mknod -m 666 "$BLANK/dev/null" c 1 3'
    about = f'mkdir -p "$BLANK/proc/device-tree" && printf "{model}" >"$BLANK/proc/device-tree/model"'
    before = f'{devices} && {about} && mount --bind "$BLANK/dev" /dev && mount --bind "$BLANK/proc" /proc'

    answer = machine.install("kiosk", before)

    assert answer.returncode == 0, answer.stderr
    assert ("the screen is on" in answer.stdout) == shown


MV = """#!/bin/sh
# The first file only, and then the plug is pulled, where the old program comes back.
case "$*" in *"-t /opt/threshold "*threshold.old*) ;; *) exec /usr/bin/mv "$@" ;; esac
[ -e "$BLANK/cut" ] || exec /usr/bin/mv "$@"
rm "$BLANK/cut"
/usr/bin/mv "$1" "$2" "$3"
kill -KILL 0
"""


def test_an_update_that_is_cut_off_while_the_old_program_comes_back_loses_none_of_it(machine: Installed) -> None:
    before = sorted(path.name for path in machine.file(PROGRAM).iterdir())
    machine.write("/opt/checkout/kiosk/new.py", "")
    machine.stand_in("mv", MV)
    (machine.folder / "no-packages").touch()
    (machine.folder / "cut").touch()

    assert machine.install("kiosk").returncode < 0
    assert machine.install("kiosk").returncode == 1  # there still are no packages

    assert sorted(path.name for path in machine.file(PROGRAM).iterdir()) == before
    assert not machine.file(f"{PROGRAM}/kiosk/new.py").exists()


# ---------------------------------------------------------------------------------------------- TLS

AUTHORITY = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
CADDY = '#!/bin/sh\nmkdir -p "${XDG_DATA_HOME:-$HOME/.local/share}/caddy"\n'


@pytest.fixture
def fronted(machine: Installed) -> Installed:
    """Caddy is there; its own folder is its own."""
    machine.stand_in("caddy", CADDY)
    folder = machine.file(AUTHORITY).parent
    folder.mkdir(parents=True)
    for one in (folder, *list(folder.parents)[:6]):
        shutil.chown(one, 64_102, 64_102)
    return machine


def tls_on(machine: Installed) -> subprocess.CompletedProcess[str]:
    return machine.script("tls.sh", "on", "checkin.example.org", HOME="/var/lib/home")


def test_the_authority_is_copied_for_kiosks_to_pin_and_no_other_is_made_on_the_way(fronted: Installed) -> None:
    root = Authority("A root")
    fronted.write(AUTHORITY, f"remark\n{root.pem}")

    answer = tls_on(fronted)

    assert answer.returncode == 0, answer.stderr
    assert fronted.file("/etc/threshold/ca.crt").read_text(encoding="utf-8") == root.pem
    assert not fronted.file("/var/lib/home").exists()


def test_a_link_of_caddys_publishes_nothing_that_caddy_may_not_read(fronted: Installed) -> None:
    fronted.write("/etc/hidden.crt", Authority("A hidden one").pem).chmod(0o600)
    fronted.file(AUTHORITY).symlink_to("/etc/hidden.crt")

    answer = tls_on(fronted)

    assert answer.returncode == 1
    assert "not copied" in answer.stderr
    assert not fronted.file("/etc/threshold/ca.crt").exists()


@pytest.mark.parametrize("text", ["root:x:0:0\n", Authority("One").pem + Authority("Another").pem], ids=["text", "two"])
def test_what_is_not_one_certificate_of_an_authority_is_not_copied(fronted: Installed, text: str) -> None:
    fronted.write(AUTHORITY, text)

    assert tls_on(fronted).returncode == 1

    assert not fronted.file("/etc/threshold/ca.crt").exists()


# ---------------------------------------------------------------------------------------------- the purge


def purge(machine: Installed, role: str = "server") -> subprocess.CompletedProcess[str]:
    return machine.script("uninstall.sh", role, "--uninstall", "--purge", "--yes")


def test_a_purge_empties_the_folder_on_another_disk_that_the_data_folder_leads_to(machine: Installed) -> None:
    database = machine.write("/var/lib/disk/threshold/threshold.db", "names")
    machine.file("/var/lib/threshold-server").symlink_to("/var/lib/disk/threshold")

    answer = purge(machine)

    assert answer.returncode == 0, answer.stderr
    assert not database.parent.exists()
    assert not machine.file("/var/lib/threshold-server").is_symlink()


def test_a_purge_names_what_the_settings_keep_elsewhere_and_leaves_it(machine: Installed) -> None:
    database = machine.write("/var/lib/disk/data/threshold.db", "names")
    machine.file("/var/lib/disk/other").mkdir()
    machine.file("/var/lib/threshold-server").mkdir()
    machine.file("/var/lib/threshold-server/set-aside").symlink_to("/var/lib/disk/other")
    backup = machine.write("/var/lib/disk/backups/threshold-1.db", "names")
    machine.write(
        "/etc/threshold/server.toml",
        "data = \"/var/lib/disk/data\"\n  backups='/var/lib/disk/backups' # the second disk\n"
        'database = "postgresql://threshold:secret@centre/threshold"\n',
    )

    answer = purge(machine)

    assert answer.returncode == 0, answer.stderr
    assert "NOT deleted" in answer.stdout
    for place in (
        "/var/lib/disk/data",
        "/var/lib/disk/backups",
        "/var/lib/disk/other",
        "postgresql://centre/threshold",
    ):
        assert place in answer.stdout
    assert "secret" not in answer.stdout
    assert database.exists()
    assert backup.exists()
    assert not machine.file("/etc/threshold/server.toml").exists()


def test_a_purge_of_what_lies_in_its_usual_place_names_nothing(machine: Installed) -> None:
    machine.write("/etc/threshold/server.toml", (DEPLOY / "etc/server.toml").read_text(encoding="utf-8"))
    machine.write("/var/lib/threshold-server/backups/threshold-1.db", "names")

    answer = purge(machine)

    assert answer.returncode == 0, answer.stderr
    assert "NOT deleted" not in answer.stdout
    assert not machine.file("/var/lib/threshold-server").exists()


# ---------------------------------------------------------------------------------------------- a root that changes


def test_the_documented_way_to_give_a_kiosk_another_root_leaves_its_enrolment_whole_and_its_own(
    machine: Installed,
) -> None:
    text = (ROOT / "docs/tls.md").read_text(encoding="utf-8")
    start = text.index("      runuser -u threshold-kiosk")
    snippet = textwrap.dedent(text[start : text.index("\n\n", start)])
    enrolment = machine.write("/var/lib/threshold-kiosk/enrolment.json", '{"device": "north-1", "ca": "old"}')
    for one in (enrolment, enrolment.parent):
        shutil.chown(one, 64_101, 64_101)
    machine.write("/var/lib/work/new-root.crt", "the new one").chmod(0o600)

    answer = machine.run("sh", "-c", f"cd /var/lib/work\n{snippet}")

    assert answer.returncode == 0, answer.stderr
    assert enrolment.read_text(encoding="utf-8") == '{"device": "north-1", "ca": "the new one"}'
    assert (enrolment.stat().st_uid, enrolment.stat().st_mode & 0o777) == (64_101, 0o600)
