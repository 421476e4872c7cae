"""What deploy/read-only.sh does to the files of a machine, on a copy of them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "read-only.sh"
RASPBERRY = """\
proc            /proc           proc    defaults          0       0
PARTUUID=1234-01  /boot/firmware  vfat    defaults          0       2
PARTUUID=1234-02  /               ext4    defaults,noatime  0       1
# a swapfile is not a swap partition, no line here
"""
DEBIAN = """\
# / was on /dev/vda1 during installation
UUID=0a3407de-014b-458b-b5c1-848e92a327a3 / ext4 rw,errors=remount-ro 0 1
UUID=0a3407de-014b-458b-b5c1-848e92a327a4 none swap sw 0 0
tmpfs /tmp tmpfs nosuid 0 0
"""
DATA = "/var/lib/threshold-kiosk"


@dataclass(frozen=True)
class Image:
    """The files of a machine that is not running."""

    root: Path

    def script(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", SCRIPT, *words, "--root", self.root], capture_output=True, text=True, check=False, timeout=30
        )

    @property
    def fstab(self) -> str:
        return (self.root / "etc" / "fstab").read_text(encoding="utf-8")

    def mounts(self) -> dict[str, list[str]]:
        """The options of each place."""
        rows = [line.split() for line in self.fstab.splitlines() if line and not line.startswith("#")]
        return {row[1]: row[3].split(",") for row in rows}


@pytest.fixture
def image(tmp_path: Path) -> Image:
    for folder in ("etc", "usr/lib", "tmp", "var/tmp", "var/log", "var/lib/systemd"):
        (tmp_path / folder).mkdir(parents=True)
    made = Image(tmp_path)
    (tmp_path / "etc" / "fstab").write_text(RASPBERRY, encoding="utf-8")
    return made


@pytest.mark.parametrize("before", [RASPBERRY, DEBIAN])
def test_on_makes_root_read_only_and_off_leaves_nothing_of_it_but_the_data_partition(image: Image, before: str) -> None:
    (image.root / "etc" / "fstab").write_text(before, encoding="utf-8")

    assert image.script("on").returncode == 0

    assert "ro" in image.mounts()["/"]
    assert "rw" not in image.mounts()["/"]
    assert image.script("off").returncode == 0
    assert image.fstab.startswith(before)
    (left,) = image.fstab.removeprefix(before).splitlines()
    assert left.startswith(f"LABEL=threshold-data {DATA} ext4 ")


def test_a_second_on_changes_nothing(image: Image) -> None:
    image.script("on")
    first = image.fstab

    again = image.script("on")

    assert (again.returncode, image.fstab) == (0, first)


def test_on_after_off_is_what_the_first_on_was(image: Image) -> None:
    image.script("on")
    first = image.mounts()
    image.script("off")

    image.script("on")

    assert image.mounts() == first


def test_what_root_had_beside_is_kept(image: Image) -> None:
    image.script("on")

    assert image.mounts()["/"] == ["defaults", "noatime", "ro"]
    assert image.mounts()["/boot/firmware"] == ["defaults", "ro"]


def test_what_is_written_while_it_runs_lies_in_memory(image: Image) -> None:
    (image.root / "var/lib/NetworkManager").mkdir()

    image.script("on")

    in_memory = [line.split()[1] for line in image.fstab.splitlines() if line.startswith("tmpfs ")]
    assert in_memory == ["/tmp", "/var/tmp", "/var/log", "/var/lib/systemd", "/var/lib/NetworkManager"]
    journal = image.root / "etc/systemd/journald.conf.d/threshold-volatile.conf"
    assert "\nStorage=volatile\n" in journal.read_text(encoding="utf-8")


def test_a_place_that_the_machine_mounts_already_is_left_to_it(image: Image) -> None:
    (image.root / "etc" / "fstab").write_text(DEBIAN, encoding="utf-8")

    image.script("on")

    assert image.fstab.count(" /tmp ") == 1
    assert image.mounts()["/tmp"] == ["nosuid"]


def test_the_name_servers_of_networkmanager_are_read_from_memory_until_off(image: Image) -> None:
    (image.root / "var/lib/NetworkManager").mkdir()
    resolv = image.root / "etc" / "resolv.conf"
    resolv.write_text("nameserver 192.0.2.1\n", encoding="utf-8")

    image.script("on")
    assert resolv.is_symlink()
    assert str(resolv.readlink()) == "/run/NetworkManager/resolv.conf"

    image.script("off")
    assert resolv.read_text(encoding="utf-8") == "nameserver 192.0.2.1\n"


def test_status_says_how_it_is_and_how_it_will_be(image: Image) -> None:
    assert "from the next start on it is writable" in image.script("status").stdout
    assert "the kiosk's data lies on root" in image.script("status").stdout

    image.script("on")

    assert "from the next start on it is read-only" in image.script("status").stdout
    assert "partition of its own" in image.script("status").stdout


def test_off_on_a_writable_machine_does_nothing(image: Image) -> None:
    run = image.script("off")

    assert (run.returncode, image.fstab) == (0, RASPBERRY)
    assert "nothing to do" in run.stdout


def test_a_machine_that_mounts_root_elsewhere_is_refused_and_left_as_it_is(image: Image) -> None:
    without = RASPBERRY.replace(" / ", " /mnt ")
    (image.root / "etc" / "fstab").write_text(without, encoding="utf-8")

    run = image.script("on")

    assert (run.returncode, image.fstab) == (1, without)
    assert "has no line for /" in run.stderr


@pytest.mark.parametrize("words", [(), ("on", "off"), ("onn",), ("off", "--new-partition"), ("on", "--device")])
def test_what_it_does_not_understand_is_answered_with_how_it_is_used(image: Image, words: tuple[str, ...]) -> None:
    run = subprocess.run(["sh", SCRIPT, *words], capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert run.stderr.startswith("threshold: usage: sh deploy/read-only.sh ")
    assert image.fstab == RASPBERRY
