"""What deploy/bootstrap.sh does and says, on a machine whose Python, ldconfig and apt are stand-ins."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TOOLS = ("cut", "dirname", "env", "flock", "grep", "id", "mkdir", "mktemp", "mv", "rm", "sed", "sh", "sha256sum")
MORE_TOOLS = ("cp", "sort", "tail", "tee", "touch")

PYTHON = """#!/bin/sh
case "$1 $2" in
    '-c '*) echo "$PYTHON_IS $0"; exit ;;
    '-m venv') mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/pyvenv.cfg" ;;
esac
echo "$*" >>"$CALLS"
case "$*" in *"$PIP_FAILS_ON"*) exit 1 ;; esac
"""
GOOD = "3.11 good whole"
LIBRARIES = ("libzbar.so.0", "libGL.so.1", "libgthread-2.0.so.0", "libxcb.so.1")


@dataclass(frozen=True)
class Machine:
    """A clone in a folder with a space in its name, and a PATH with nothing on it but what a test allows."""

    clone: Path
    bin: Path

    def bootstrap(self, profile: str, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {"PATH": str(self.bin), "CALLS": str(self.calls), "PYTHON_IS": GOOD, "PIP_FAILS_ON": "no such"}
        script = self.clone / "deploy" / "bootstrap.sh"
        return subprocess.run(
            [self.bin / "sh", script, profile],
            env=settings | environment,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )

    @property
    def calls(self) -> Path:
        return self.clone / "calls"

    @property
    def venv(self) -> Path:
        return self.clone / ".venv"

    def forget_calls(self) -> None:
        self.calls.unlink(missing_ok=True)

    def called(self) -> str:
        return self.calls.read_text(encoding="utf-8") if self.calls.exists() else ""

    def change_lock(self, name: str) -> None:
        with (self.clone / "deploy" / "lock" / f"{name}.txt").open("a", encoding="utf-8") as lock:
            lock.write("# changed\n")

    def put(self, command: str, script: str) -> None:
        (self.bin / command).unlink(missing_ok=True)  # never write through a link to the real command
        (self.bin / command).write_text(script, encoding="utf-8")
        (self.bin / command).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "my clone", tmp_path / "bin")
    made.bin.mkdir()
    (made.clone / "deploy" / "lock").mkdir(parents=True)
    shutil.copy(PROJECT / "deploy" / "bootstrap.sh", made.clone / "deploy")
    shutil.copy(PROJECT / "pyproject.toml", made.clone)
    for profile in ("demo", "test", "server", "kiosk"):
        (made.clone / "deploy" / "lock" / f"{profile}.txt").write_text(f"{profile}==1\n", encoding="utf-8")
    for tool in TOOLS + MORE_TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is missing on this machine"
        (made.bin / tool).symlink_to(found)
    made.put("python3", PYTHON)
    made.put("ldconfig", "#!/bin/sh\n" + "".join(f"printf '\\t{name} (libc6) => x\\n'\n" for name in LIBRARIES))
    return made


def test_the_first_run_installs_the_locked_packages_with_their_hashes_and_then_the_project(machine: Machine) -> None:
    run = machine.bootstrap("kiosk")

    assert (run.returncode, run.stderr) == (0, "")
    venv, packages, project = machine.called().splitlines()
    assert venv == "-m venv .venv"
    assert "--require-hashes" in packages
    assert packages.endswith("-r deploy/lock/kiosk.txt")
    assert project.endswith(f"--no-deps --no-build-isolation --editable {machine.clone}")


def test_a_second_run_says_nothing_and_changes_nothing(machine: Machine) -> None:
    machine.bootstrap("kiosk")
    before = {path: path.stat().st_mtime_ns for path in machine.clone.rglob("*")}

    run = machine.bootstrap("kiosk")

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in machine.clone.rglob("*")} == before


def test_another_profile_is_added_to_the_same_venv(machine: Machine) -> None:
    machine.bootstrap("kiosk")
    machine.forget_calls()

    machine.bootstrap("server")

    assert "venv" not in machine.called()
    assert "server.txt" in machine.called()
    machine.forget_calls()
    machine.bootstrap("kiosk")
    assert machine.called() == ""


@pytest.mark.parametrize("profile", ["server", "kiosk"])
def test_a_changed_lock_builds_the_venv_anew_for_every_profile_it_served(machine: Machine, profile: str) -> None:
    machine.bootstrap("server")
    machine.bootstrap("kiosk")
    machine.forget_calls()
    machine.change_lock(profile)

    assert machine.bootstrap(profile).returncode == 0

    assert [line for line in machine.called().splitlines() if "venv" in line] == ["-m venv .venv"]
    assert "server.txt" in machine.called()
    assert "kiosk.txt" in machine.called()


def test_another_python_or_another_place_builds_the_venv_anew(machine: Machine, tmp_path: Path) -> None:
    machine.bootstrap("server")
    machine.bootstrap("server", PYTHON_IS="3.13 good whole")
    assert machine.called().count("-m venv") == 2

    moved = Machine(machine.clone.rename(tmp_path / "moved clone"), machine.bin)
    moved.bootstrap("server", PYTHON_IS="3.13 good whole")
    assert moved.called().count("-m venv") == 3


def test_a_changed_pyproject_installs_only_the_project_again(machine: Machine) -> None:
    machine.bootstrap("server")
    machine.forget_calls()
    with (machine.clone / "pyproject.toml").open("a", encoding="utf-8") as pyproject:
        pyproject.write("# changed\n")

    machine.bootstrap("server")

    assert len(machine.called().splitlines()) == 1
    assert "--editable" in machine.called()


def test_the_old_venv_comes_back_when_the_new_one_cannot_be_filled(machine: Machine) -> None:
    machine.bootstrap("server")
    (machine.venv / "mark").touch()
    machine.change_lock("server")

    run = machine.bootstrap("server", PIP_FAILS_ON="server.txt")

    assert run.returncode != 0
    assert "No network?" in run.stderr
    assert (machine.venv / "mark").exists()
    assert not machine.venv.with_name(".venv.old").exists()
    assert machine.bootstrap("server").returncode == 0


def test_a_first_run_that_was_cut_short_goes_on_where_it_stopped(machine: Machine) -> None:
    assert machine.bootstrap("server", PIP_FAILS_ON="--editable").returncode != 0
    machine.forget_calls()

    assert machine.bootstrap("server").returncode == 0

    assert "venv" not in machine.called()
    assert "server.txt" not in machine.called()


def test_a_folder_that_is_no_venv_is_left_alone(machine: Machine) -> None:
    (machine.clone / "my work").mkdir()
    (machine.clone / "my work" / "thesis").touch()

    run = machine.bootstrap("server", THRESHOLD_VENV="my work")

    assert run.returncode != 0
    assert "is no venv" in run.stderr
    assert (machine.clone / "my work" / "thesis").exists()


def test_a_python_that_is_too_old_is_named_with_what_to_do(machine: Machine) -> None:
    run = machine.bootstrap("server", PYTHON_IS="3.9 bad whole")

    assert run.returncode != 0
    assert "Python 3.11 or later" in run.stderr
    assert "python3 is 3.9" in run.stderr
    assert "THRESHOLD_PYTHON" in run.stderr


def test_a_newer_python_beside_an_old_python3_is_found(machine: Machine) -> None:
    machine.put("python3", PYTHON.replace("$PYTHON_IS", "3.9 bad whole"))
    machine.put("python3.12", PYTHON.replace("$PYTHON_IS", "3.12 good whole"))

    assert machine.bootstrap("server").returncode == 0

    assert "python 3.12" in (machine.venv / "threshold.stamp").read_text(encoding="utf-8")


def test_a_machine_without_python_is_told_so(machine: Machine) -> None:
    (machine.bin / "python3").unlink()

    run = machine.bootstrap("server")

    assert run.returncode != 0
    assert "there is no python3" in run.stderr


def test_without_apt_the_missing_packages_are_named(machine: Machine) -> None:
    machine.put("ldconfig", "#!/bin/sh\n")

    run = machine.bootstrap("kiosk")

    assert run.returncode != 0
    assert "libzbar0 libgl1" in run.stderr
    assert "no apt-get here" in run.stderr
    assert machine.called() == ""


def test_only_what_is_missing_is_installed_with_apt(machine: Machine) -> None:
    apt = machine.clone / "apt"
    present = (machine.bin / "ldconfig").read_text(encoding="utf-8")
    (machine.clone / "all there").write_text(present, encoding="utf-8")
    machine.put("ldconfig", present.replace("libzbar", "libother"))
    give = f"case $1 in install) cp '{machine.clone}/all there' '{machine.bin}/ldconfig' ;; esac\n"
    machine.put("apt-get", f'#!/bin/sh\necho "$@" >>\'{apt}\'\nwhile [ "$1" = -qq ]; do shift; done\n{give}')
    machine.put("sudo", '#!/bin/sh\n[ "$1" = -v ] || exec "$@"\n')

    assert machine.bootstrap("kiosk").returncode == 0

    update, install = apt.read_text(encoding="utf-8").splitlines()
    assert update.endswith("update")
    assert [word for word in install.split() if word.startswith(("lib", "font", "python"))] == ["libzbar0"]


def test_when_apt_fails_its_last_words_and_a_way_out_are_shown(machine: Machine) -> None:
    machine.put("ldconfig", "#!/bin/sh\n")
    machine.put("apt-get", "#!/bin/sh\necho 'E: Unable to locate package'\nexit 100\n")
    machine.put("sudo", '#!/bin/sh\n[ "$1" = -v ] || exec "$@"\n')

    run = machine.bootstrap("kiosk")

    assert run.returncode != 0
    assert "E: Unable to locate package" in run.stderr
    assert "Is there a network?" in run.stderr


@pytest.mark.parametrize(
    ("sudo", "said"), [(None, "there is no sudo"), ("#!/bin/sh\nexit 1\n", "sudo does not let you")]
)
def test_somebody_who_may_not_install_is_told_what_to_ask_for(machine: Machine, sudo: str | None, said: str) -> None:
    machine.put("id", "#!/bin/sh\necho 1000\n")
    machine.put("ldconfig", "#!/bin/sh\n")
    machine.put("apt-get", "#!/bin/sh\nexit 100\n")
    if sudo:
        machine.put("sudo", sudo)

    run = machine.bootstrap("kiosk")

    assert run.returncode != 0
    assert said in run.stderr
    assert "apt-get install libzbar0" in run.stderr


@pytest.mark.parametrize(("profile", "said"), [("nonsense", "no profile nonsense"), ("demo", "demo.txt is missing")])
def test_an_unknown_profile_or_a_missing_lock_is_named(machine: Machine, profile: str, said: str) -> None:
    (machine.clone / "deploy" / "lock" / "demo.txt").unlink()

    run = machine.bootstrap(profile)

    assert run.returncode != 0
    assert said in run.stderr
