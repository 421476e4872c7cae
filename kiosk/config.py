"""The kiosk's settings: a TOML file, strict, and the enrolment that the server made for this kiosk."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from admission import wire
from admission.errors import BadMessage, ConfigError, DiskError
from admission.wire import Enrolment
from kiosk.face.sound import hours
from kiosk.pins import Pins

HIGHEST_PORT = 65535
KEY_BYTES = 32
MACHINE_IDS = (Path("/proc/device-tree/serial-number"), Path("/etc/machine-id"))
MACHINE_DIGITS = 16
Name = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]*$")]
CREDENTIAL = "enrolment"
"""The name of the credential that systemd hands over."""
AUTO = -1
"""For a setting of the camera: it chooses by itself."""
TURNS = (0, 90, 180, 270)
SIDES = (160, 8192)
MOST_FPS = 120
LEAST_KEPT = 0.1


class Optics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the camera looks: the table ``[optics]``. What a camera or its driver does not have is passed over.

    ``size``: width and height, where the camera has it, else 1280x720; ``fps``: frames a second while something moves
    or is held up, ``idle_fps``: else; ``rotate``: degrees clockwise; ``mirror``: left and right change places;
    ``crop``: left, top, right and bottom edge of what is kept of the upright picture, from 0 to 1 ([] or "": all);
    ``focus``, ``exposure`` (the shutter in milliseconds), ``gain``, ``white_balance`` (kelvin): fixed, or -1 for
    automatic. Focus and gain are in the driver's numbers: its own ones with V4L2, dioptres and a factor with picamera.

    Raises ValueError naming the setting and what to write.
    """

    size: tuple[int, int] = (1920, 1080)
    fps: int = 30
    idle_fps: int = 10
    rotate: int = 0
    mirror: bool = False
    crop: tuple[float, ...] | str = ()
    focus: float = AUTO
    exposure: float = AUTO
    gain: float = AUTO
    white_balance: float = AUTO

    def __post_init__(self) -> None:
        least, most = SIDES
        if not all(least <= side <= most and side % 2 == 0 for side in self.size):
            raise ValueError(
                f"size = {list(self.size)}: write two even numbers from {least} to {most}, like [1920, 1080]"
            )
        if not 1 <= self.fps <= MOST_FPS:
            raise ValueError(f"fps = {self.fps}: write a number from 1 to {MOST_FPS}, like 30")
        if not 1 <= self.idle_fps <= self.fps:
            raise ValueError(f"idle_fps = {self.idle_fps}: write a number from 1 to fps, which is {self.fps}")
        if self.rotate not in TURNS:
            raise ValueError(f"rotate = {self.rotate}: write 0, 90, 180 or 270 (degrees clockwise)")
        for name in ("focus", "exposure", "gain", "white_balance"):
            value = getattr(self, name)
            if value != AUTO and not 0 <= value < float("inf"):
                raise ValueError(f"{name} = {value:g}: write -1 for automatic, or a number from 0 up")
        _check_crop(self.crop)

    @property
    def kept(self) -> tuple[float, float, float, float] | None:
        """The crop, or None if all of the picture is kept."""
        if isinstance(self.crop, str) or not self.crop:
            return None
        left, top, right, bottom = self.crop
        return left, top, right, bottom


def _check_crop(crop: tuple[float, ...] | str) -> None:
    if crop in ("", ()):
        return
    how = "write the edges [left, top, right, bottom] of what is kept as fractions from 0 to 1, like [0.2, 0, 0.8, 1]"
    if isinstance(crop, str) or len(crop) != 4:
        raise ValueError(f"crop = {crop if isinstance(crop, str) else list(crop)!r}: {how}, or [] for none")
    left, top, right, bottom = crop
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"crop = {list(crop)}: {how}")
    if min(right - left, bottom - top) < LEAST_KEPT:
        raise ValueError(f"crop = {list(crop)}: so little is kept that no badge is seen whole; keep a tenth at least")


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``enrolment``: the file that makes this machine a kiosk ("": in the data folder); ``camera``: a device number,
    "picamera", a video, a directory of images or a stream (see kiosk.camera.lens), and ``optics``: how it looks;
    ``budget_ms``: CPU time that reading one frame may take at most (kiosk.reader.eye); ``screen``: host and port of the
    face's page; ``ca``: the certificate that the server's TLS is pinned to; ``machine``: how the audit names this
    hardware ("": a name is made from the hardware's number). ``volume`` of its sounds, 0 to 100, until a steward
    changes it at the door; ``silent_hours`` of the venue's day; ``live_picture``: whether visitors see themselves,
    small, while they hold up a badge; ``pins``: what is wired to the header (kiosk.pins)."""

    data: str = "/var/lib/threshold-kiosk"
    enrolment: str = ""
    camera: str = "0"
    optics: Optics = Optics()
    budget_ms: Annotated[float, msgspec.Meta(ge=1, le=1000)] = 25.0
    screen: str = "127.0.0.1:8090"
    ca: str = ""
    machine: Name = ""
    volume: Annotated[int, msgspec.Meta(ge=0, le=100)] = 60
    silent_hours: tuple[str, ...] = ()
    live_picture: bool = True
    pins: Pins = Pins()

    def __post_init__(self) -> None:
        hours(self.silent_hours)

    @property
    def enrolment_path(self) -> Path:
        """Where the enrolment lies, or will."""
        return Path(self.enrolment or Path(self.data) / "enrolment.json")

    @property
    def screen_address(self) -> tuple[str, int]:
        """Host and port. Raises ConfigError."""
        host, _, port = self.screen.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
            raise ConfigError(f"screen = {self.screen!r}: write host:port, like 127.0.0.1:8090")
        return host, int(port)


def read(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings in the file (None: the defaults). An enrolment that systemd hands over (LoadCredential= in the unit)
    comes before the one that they name. Raises ConfigError naming the file and the setting."""
    if path is None:
        return Config()
    try:
        settings = msgspec.toml.decode(path.read_bytes(), type=Config)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    handed = Path(environ.get("CREDENTIALS_DIRECTORY", "")) / CREDENTIAL
    if "CREDENTIALS_DIRECTORY" in environ and _has_content(handed):
        return msgspec.structs.replace(settings, enrolment=str(handed))
    return settings


def _has_content(path: Path) -> bool:
    """The unit puts an empty line where there is no file."""
    try:
        return bool(path.read_bytes().strip())
    except OSError:
        return False


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


def find_enrolment(path: Path) -> Enrolment | None:
    """The enrolment, or None if this kiosk has none yet. Raises ConfigError for one that cannot be read."""
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    except OSError:
        pass  # what is wrong with it is said by the reading
    return read_enrolment(path)


def check_place(path: Path) -> None:
    """Raises ConfigError if no enrolment could be written there: better said before the pairing than after it."""
    try:
        os.close(_open_part(path))
        _part(path).unlink()
    except OSError as error:
        raise ConfigError(
            f"this kiosk is not enrolled, and its enrolment cannot be written to {path} ({error.strerror}); set"
            ' "enrolment" to a file in a folder of its own, or bring the file there'
        ) from error


def write_enrolment(path: Path, enrolment: Enrolment) -> None:
    """Writes the file whole or not at all, for nobody else to read, and to the disk. Raises DiskError."""
    try:
        with os.fdopen(_open_part(path), "wb") as file:
            file.write(wire.encode(enrolment) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _part(path).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise DiskError(f"the enrolment was not kept in {path}: {error.strerror}") from error


def machine_name(given: str, sources: tuple[Path, ...] = MACHINE_IDS) -> str:
    """A name that tells two machines apart: the given one, or a digest of the hardware's number, so that the number
    itself never travels; "" if there is none."""
    if given:
        return given
    for source in sources:
        with suppress(OSError):
            number = source.read_bytes().strip(b"\0 \t\r\n")
            if number:
                return hashlib.sha256(number).hexdigest()[:MACHINE_DIGITS]
    return ""


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _open_part(path: Path) -> int:
    """A new file beside it. Whatever lies there was left by a kiosk that was turned off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _part(path).unlink(missing_ok=True)
    return os.open(_part(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
