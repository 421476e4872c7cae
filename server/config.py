"""The server's settings: a TOML file, strict: an unknown or ill-typed setting is an error that names it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from admission.errors import ConfigError


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``data``: the folder for the database; ``database``: another one instead (postgresql://...); ``bind``: host
    and port; ``workers``: processes (PostgreSQL only); ``https``: reached through TLS, so cookies are marked secure;
    ``proxies``: how many reverse proxies stand in front, each adding X-Forwarded-For and -Proto; ``metrics_open``:
    /metrics answers this machine without a key."""

    data: str = "data"
    database: str = ""
    bind: str = "127.0.0.1:8080"
    workers: int = 1
    threads: int = 256
    https: bool = False
    proxies: int = 0
    metrics_open: bool = False

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


def read(path: Path | None) -> Config:
    """The settings in the file (None: the defaults). Raises ConfigError naming the file and the setting."""
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
    return config
