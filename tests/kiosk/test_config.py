"""Settings and enrolment: strict, and every complaint says what to correct."""

from __future__ import annotations

from pathlib import Path

import pytest

from admission import wire
from admission.errors import ConfigError
from admission.wire import Enrolment
from kiosk.config import Config, read, read_enrolment

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
