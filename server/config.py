"""The server's settings: a TOML file, strict: an unknown or ill-typed setting is an error that names it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from admission.errors import ConfigError

PASSWORD = "database-password"  # noqa: S105 - the name of the credential that systemd hands over, not the secret


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``data``: the folder for the database; ``database``: another one instead (postgresql://...); ``bind``: host
    and port; ``workers``: processes (PostgreSQL only); ``https``: reached through TLS, so cookies are marked secure;
    ``proxies``: how many reverse proxies stand in front, each adding X-Forwarded-For and -Proto; ``metrics_open``:
    /metrics answers this machine without a key; ``ca``: the file with the roots of the TLS in front, for kiosks to pin
    (server.roots); ``backups``: the folder for backups, which has to be there (empty: one beside the database)."""

    data: str = "data"
    database: str = ""
    bind: str = "127.0.0.1:8080"
    workers: int = 1
    threads: int = 256
    https: bool = False
    proxies: int = 0
    metrics_open: bool = False
    ca: str = ""
    backups: str = ""

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database or f"sqlite:///{Path(self.data).absolute() / 'threshold.db'}"


def check_bind(bind: str) -> str:
    """The host of host:port. Raises ConfigError."""
    host, _, port = bind.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"bind = {bind!r}: write host:port, like 127.0.0.1:8080 or 0.0.0.0:8080")
    return host


def read(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings in the file (None: the defaults), with the database's password where systemd hands one over
    (LoadCredential= in the unit). Raises ConfigError naming the file and the setting."""
    if path is None:
        return Config()
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=Config)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if config.workers != 1 and not config.database.startswith("postgres"):
        raise ConfigError(f"{path}: workers = {config.workers} needs PostgreSQL; SQLite has one writing process")
    if folder := environ.get("CREDENTIALS_DIRECTORY"):
        return _with_password(config, Path(folder) / PASSWORD)
    return config


def _with_password(config: Config, file: Path) -> Config:
    """A SQLite file has no password; a unit stands an empty line in for a file that is not there."""
    if not config.database.startswith("postgres"):
        return config
    try:
        password = file.read_text("utf-8").strip("\r\n")
    except FileNotFoundError:
        return config
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the database's password in {file} cannot be read: {error}") from error
    try:
        url = make_url(config.database).set(password=password) if password else make_url(config.database)
    except ArgumentError as error:
        raise ConfigError("database: write postgresql://user@host/name") from error
    return msgspec.structs.replace(config, database=url.render_as_string(hide_password=False))
