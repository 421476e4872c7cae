"""The kiosk's settings: a TOML file, strict, and the enrolment that the server made for this kiosk."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from admission import wire
from admission.errors import BadMessage, ConfigError
from admission.wire import Enrolment

HIGHEST_PORT = 65535
KEY_BYTES = 32


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``camera``: a device number, a video, a directory of images or a stream (see kiosk.camera); ``screen``: host
    and port of the face's page; ``ca``: the certificate that the server's TLS is pinned to."""

    data: str = "/var/lib/threshold-kiosk"
    enrolment: str = "/etc/threshold/kiosk-enrolment.json"
    camera: str = "0"
    screen: str = "127.0.0.1:8090"
    ca: str = ""

    @property
    def screen_address(self) -> tuple[str, int]:
        """Host and port. Raises ConfigError."""
        host, _, port = self.screen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
            raise ConfigError(f"screen = {self.screen!r}: write host:port, like 127.0.0.1:8090")
        return host, int(port)


def read(path: Path | None) -> Config:
    """The settings in the file (None: the defaults). Raises ConfigError naming the file and the setting."""
    if path is None:
        return Config()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Config)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def read_enrolment(path: Path) -> Enrolment:
    """What the server gave this kiosk. Raises ConfigError saying how to get one."""
    how = "make one on the server with: threshold-server add-kiosk NAME --gate GATE --server URL --out FILE"
    try:
        enrolment = wire.decode_enrolment(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the enrolment {path}: {error.strerror}; {how}") from error
    except BadMessage as error:
        raise ConfigError(f"the enrolment {path} is damaged ({error}); {how}") from error
    if {len(enrolment.seed), len(enrolment.server_key)} != {KEY_BYTES}:
        raise ConfigError(f"the enrolment {path} is damaged (its keys are not of {KEY_BYTES} bytes); {how}")
    return enrolment
