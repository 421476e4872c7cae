"""The password of a PostgreSQL database comes beside the settings, as systemd hands it over."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from admission.errors import ConfigError
from server.config import read

POSTGRESQL = 'database = "postgresql://threshold@db.example/threshold"'


def settings(folder: Path, text: str) -> Path:
    file = folder / "server.toml"
    file.write_text(text, encoding="utf-8")
    return file


def handed_over(folder: Path, content: bytes) -> dict[str, str]:
    (folder / "database-password").write_bytes(content)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_a_password_that_is_handed_over_completes_the_address_of_the_database(tmp_path: Path) -> None:
    config = read(settings(tmp_path, POSTGRESQL), handed_over(tmp_path, b"a:b/c@d e%\n"))

    url = make_url(config.url)
    assert (url.username, url.password, url.host, url.database) == (
        "threshold",
        "a:b/c@d e%",
        "db.example",
        "threshold",
    )


@pytest.mark.parametrize("nothing", [b"", b"\n"])
def test_the_empty_line_that_stands_in_for_a_missing_file_is_no_password(tmp_path: Path, nothing: bytes) -> None:
    config = read(settings(tmp_path, POSTGRESQL), handed_over(tmp_path, nothing))

    assert config.url == "postgresql://threshold@db.example/threshold"


def test_a_password_leaves_a_sqlite_file_alone(tmp_path: Path) -> None:
    config = read(settings(tmp_path, f'data = "{tmp_path}"'), handed_over(tmp_path, b"\xff, not even read"))

    assert config.url == f"sqlite:///{tmp_path}/threshold.db"


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": "/nowhere"}])
def test_without_a_password_the_address_is_as_it_is_written(tmp_path: Path, environ: dict[str, str]) -> None:
    assert read(settings(tmp_path, POSTGRESQL), environ).url == "postgresql://threshold@db.example/threshold"


def test_a_password_that_cannot_be_read_stops_the_server_and_says_which_file(tmp_path: Path) -> None:
    environ = handed_over(tmp_path, b"\xff\xfe")

    with pytest.raises(ConfigError, match="database-password cannot be read"):
        read(settings(tmp_path, POSTGRESQL), environ)


def test_an_address_that_is_none_is_said_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="write postgresql://user@host/name") as caught:
        read(settings(tmp_path, 'database = "postgres, please"'), handed_over(tmp_path, b"secret\n"))

    assert "secret" not in str(caught.value)
