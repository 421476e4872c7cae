"""Settings and enrolment: strict, and every complaint says what to correct."""

from __future__ import annotations

from pathlib import Path

import pytest

from admission import wire
from admission.errors import ConfigError
from admission.wire import Enrolment
from kiosk.config import Config, Optics, read, read_enrolment

ENROLMENT = Enrolment(device="k-1", seed=bytes(32), server="https://summit.example", server_key=bytes(32))


def written(folder: Path, text: str | bytes) -> Path:
    """A file of settings."""
    path = folder / "kiosk.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path) -> str:
    """What is said about a file of settings."""
    with pytest.raises(ConfigError) as error:
        read(path)
    return str(error.value)


def test_without_a_file_the_defaults_hold() -> None:
    assert read(None) == Config()
    assert Config().screen_address == ("127.0.0.1", 8090)


def test_settings_are_read_and_the_others_keep_their_defaults(tmp_path: Path) -> None:
    settings = read(written(tmp_path, 'camera = "/run/film.y4m"\nscreen = "0.0.0.0:80"\n'))
    assert settings == Config(camera="/run/film.y4m", screen="0.0.0.0:80")
    assert settings.screen_address == ("0.0.0.0", 80)


def test_the_shipped_example_is_understood() -> None:
    example = Path(__file__).parents[2] / "deploy" / "etc" / "kiosk.toml"
    assert isinstance(read(example), Config)
    assert read(example).optics == Optics()


def test_the_settings_of_the_camera_that_the_example_names_are_the_defaults(tmp_path: Path) -> None:
    example = (Path(__file__).parents[2] / "deploy" / "etc" / "kiosk.toml").read_text()
    told = "\n".join(line.removeprefix("# ") for line in example.partition("[optics]")[2].splitlines())
    assert read(written(tmp_path, f"[optics]\n{told}\n")).optics == Optics()
    assert all(f"\n{name} = " in told for name in Optics.__struct_fields__)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('camra = "0"', "camra"),
        ("camera = 0", "camera"),
        ('[screen]\nport = "8090"', "screen"),
        ("camera = [", "kiosk.toml"),
        (b'camera = "\xff"', "kiosk.toml"),
        ('camera = "0"\ncamera = "1"', "kiosk.toml"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str | bytes, named: str) -> None:
    said = complaint(written(tmp_path, text))
    assert named in said
    assert "kiosk.toml" in said


def test_how_the_camera_looks_is_read_from_a_table_of_its_own(tmp_path: Path) -> None:
    given = (
        "[optics]\nsize = [1280, 720]\nfps = 25\nrotate = 90\nmirror = true\ncrop = [0, 0.25, 1, 0.75]\nexposure = 8\n"
    )
    optics = read(written(tmp_path, given)).optics
    assert optics == Optics((1280, 720), 25, rotate=90, mirror=True, crop=(0.0, 0.25, 1.0, 0.75), exposure=8.0)
    assert optics.kept == (0, 0.25, 1, 0.75)


def test_without_a_table_the_camera_looks_at_1920x1080_and_does_the_rest_by_itself() -> None:
    optics = Config().optics
    assert (optics.size, optics.fps, optics.idle_fps) == ((1920, 1080), 30, 10)
    assert {optics.focus, optics.exposure, optics.gain, optics.white_balance} == {-1}
    assert (optics.rotate, optics.mirror, optics.kept) == (0, False, None)


@pytest.mark.parametrize("nothing", ["[]", '""'])
def test_an_empty_crop_keeps_all_of_the_picture(tmp_path: Path, nothing: str) -> None:
    assert read(written(tmp_path, f"[optics]\ncrop = {nothing}\n")).optics.kept is None


@pytest.mark.parametrize(
    ("text", "named", "advice"),
    [
        ("rotate = 45", "rotate = 45", "0, 90, 180 or 270"),
        ("crop = [0, 0, 1]", "crop = [0.0, 0.0, 1.0]", "[left, top, right, bottom]"),
        ("crop = [0.8, 0, 0.2, 1]", "crop = [0.8", "fractions from 0 to 1"),
        ("crop = [0, 0, 1920, 1080]", "crop = [0.0", "fractions from 0 to 1"),
        ("crop = [nan, 0, 1, 1]", "crop = [nan", "fractions from 0 to 1"),
        ("crop = [0.5, 0, 0.55, 1]", "crop = [0.5", "a tenth at least"),
        ('crop = "middle"', "crop = 'middle'", "[] for none"),
        ("size = [1921, 1080]", "size = [1921, 1080]", "even numbers"),
        ("size = [0, 0]", "size = [0, 0]", "like [1920, 1080]"),
        ("fps = 0", "fps = 0", "like 30"),
        ("idle_fps = 31", "idle_fps = 31", "fps, which is 30"),
        ("exposure = -2", "exposure = -2", "-1 for automatic"),
        ("gain = inf", "gain = inf", "-1 for automatic"),
        ("mirror = 1", "mirror", "bool"),
        ("zoom = 2", "zoom", "optics"),
    ],
)
def test_a_wrong_setting_of_the_camera_says_what_to_write(tmp_path: Path, text: str, named: str, advice: str) -> None:
    said = complaint(written(tmp_path, f"[optics]\n{text}\n"))
    assert "kiosk.toml" in said
    assert named in said
    assert advice in said


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path / "gone.toml")
    assert "gone.toml" in complaint(tmp_path / "gone.toml")
    assert "directory" in complaint(tmp_path)


@pytest.mark.parametrize(
    "screen", ["", "8090", ":8090", "localhost:", "localhost:http", "localhost:-1", "localhost:²", "localhost:65536"]
)
def test_an_address_that_is_none_says_how_to_write_one(screen: str) -> None:
    with pytest.raises(ConfigError, match="write host:port"):
        _ = Config(screen=screen).screen_address


def test_an_enrolment_is_read(tmp_path: Path) -> None:
    path = tmp_path / "enrolment.json"
    path.write_bytes(wire.encode(ENROLMENT))
    assert read_enrolment(path) == ENROLMENT


def test_a_missing_enrolment_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file.*threshold-server add-kiosk"):
        read_enrolment(tmp_path / "enrolment.json")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        wire.encode(ENROLMENT)[:-9],
        wire.encode(ENROLMENT).replace(b'"device"', b'"name"'),
        wire.encode(ENROLMENT).replace(b'"seed":"AAAA', b'"seed":"!!!!'),
        wire.encode(ENROLMENT).replace(b'"v":1', b'"v":1,"more":2'),
    ],
)
def test_a_damaged_enrolment_is_called_so_and_says_how_to_get_another(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "enrolment.json"
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match=r"enrolment\.json is damaged.*threshold-server add-kiosk"):
        read_enrolment(path)


@pytest.mark.parametrize("field", ["seed", "server_key"])
def test_an_enrolment_whose_keys_are_none_is_damaged(tmp_path: Path, field: str) -> None:
    given = {"device": "k-1", "seed": bytes(32), "server": "https://summit.example", "server_key": bytes(32)}
    path = tmp_path / "enrolment.json"
    path.write_bytes(wire.encode(Enrolment(**{**given, field: bytes(31)})))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"damaged.*threshold-server add-kiosk"):
        read_enrolment(path)


class TestWhatSystemdHandsOver:
    def settings(self, folder: Path, brought: str | None) -> Config:
        toml = folder / "kiosk.toml"
        toml.write_text(f'enrolment = "{folder}/own.json"\n')
        if brought is not None:
            (folder / "enrolment").write_text(brought)
        return read(toml, {"CREDENTIALS_DIRECTORY": str(folder)})

    def test_an_enrolment_that_was_brought_comes_before_the_kiosks_own(self, tmp_path: Path) -> None:
        assert self.settings(tmp_path, "{}").enrolment_path == tmp_path / "enrolment"

    @pytest.mark.parametrize("brought", [None, "", "\n"])
    def test_the_line_that_stands_in_for_none_is_none(self, tmp_path: Path, brought: str | None) -> None:
        assert self.settings(tmp_path, brought).enrolment_path == tmp_path / "own.json"

    @pytest.mark.parametrize("line", ['silent_hours = ["22-7"]', "volume = 101", "[pins]\nred = 17\ngreen = 17"])
    def test_a_setting_of_the_face_that_cannot_be_is_named(self, tmp_path: Path, line: str) -> None:
        toml = tmp_path / "kiosk.toml"
        toml.write_text(line)
        with pytest.raises(ConfigError, match=r"silent_hours|volume|red and green"):
            read(toml)
