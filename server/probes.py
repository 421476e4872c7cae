"""Measures what is around the database for the doctor: folder, listening port, TLS, time.

Looks and tries, and leaves everything as it was. What the figures mean says :mod:`server.doctor`. Time is passed in.
"""

from __future__ import annotations

import http.client
import os
import secrets
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import msgspec
from cryptography import x509

from server.doctor import SECRET, Certificate, Folder

PATIENCE_S = 5.0
TRIES = 5
BLOCK = bytes(4096)
NOWHERE = "/api/v1/nowhere"
"""A page that is not there: a Threshold server says so in its own way, and nothing is changed by it."""
MOST_BYTES = 10_000
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
HTTPS = 443
_OPEN = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1", "": "127.0.0.1"}  # noqa: S104 - asked at, not bound
_EARLY, _LATE, _NAME, _NUMBER = 9, 10, 62, 64
"""X509_V_ERR_…: not yet valid, expired, made out to another name, to another address."""
_OTHER = "add this name to the certificate (with --tls: install again with every name), or give kiosks the right one"
_FIXES = {
    _EARLY: "set this machine's time, or wait until the certificate begins",
    _LATE: "renew it; Caddy does so by itself while it runs: systemctl restart caddy, journalctl -u caddy",
    _NAME: _OTHER,
    _NUMBER: _OTHER,
}
_UNTRUSTED = 'set "ca" to the file with the root of whoever signed it, so that kiosks and this command know it'


class _Ours(msgspec.Struct):
    """How a Threshold server says that there is no such page."""

    error: str
    what: str
    do: str


def try_folder(folder: Path, secret: Iterable[Path], now_s: Callable[[], float]) -> Folder:
    """Writes to the folder with fsync a few times, and takes away what it wrote. ``secret``: files that others must not
    read. Never raises OSError."""
    trial = folder / f".doctor-{secrets.token_hex(4)}"
    took: list[float] = []
    try:
        free = shutil.disk_usage(folder).free // 1_000_000
        with trial.open("xb", buffering=0) as file:
            for _ in range(TRIES):
                began = now_s()
                file.write(BLOCK)
                os.fsync(file.fileno())
                took.append(1000 * (now_s() - began))
    except OSError as error:
        return Folder(str(folder), error.strerror or str(error))
    finally:
        with suppress(OSError):
            trial.unlink()
    loose = tuple(str(path) for path in secret if _mode(path) & SECRET)
    return Folder(str(folder), "", free, median(took), loose)


def is_barred(folder: Path) -> bool:
    """Whether it is not for this user to look into."""
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def is_open(host: str) -> bool:
    """Whether others than this machine may reach what listens there."""
    return not host.startswith("127.") and host not in ("localhost", "::1", "[::1]")


def answers(bind: str) -> str:
    """ "" if a Threshold server answers at host:port; else why not."""
    host, _, port = bind.rpartition(":")
    line = http.client.HTTPConnection(_OPEN.get(host, host.strip("[]")), int(port), timeout=PATIENCE_S)
    try:
        line.request("GET", NOWHERE, headers={"Accept": "application/json"})
        reply = line.getresponse()
        msgspec.json.decode(reply.read(MOST_BYTES), type=_Ours)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, http.client.HTTPException):
        return "another program answers"
    except OSError as error:
        return _plain(error)
    finally:
        line.close()
    return ""


def try_tls(address: str, roots: str, now: datetime) -> Certificate:
    """Begins TLS as a kiosk does. ``roots``: as PEM, which alone are believed; "" for the system's. Never raises."""
    parts = urlsplit(address)
    try:
        host, port = parts.hostname or "", parts.port or HTTPS
        context = ssl.create_default_context(cadata=roots or None)
        with (
            socket.create_connection((host, port), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as line,
        ):
            found = line.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return Certificate(address, error.verify_message, _FIXES.get(error.verify_code, _UNTRUSTED))
    except ssl.SSLError as error:
        fix = "see that the address is the one of TLS and not of the server behind it; systemctl status caddy"
        return Certificate(address, f"no TLS there ({error.reason})", fix)
    except (OSError, UnicodeError, ValueError) as error:
        fix = "see that the name leads to this machine, and that what ends TLS runs: systemctl status caddy"
        return Certificate(address, _plain(error), fix)
    begins, ends = (_instant(str(found[name])) for name in ("notBefore", "notAfter"))
    return Certificate(address, left=ends - now, lifetime=ends - begins)


def roots_left(pem: str, now: datetime) -> timedelta:
    """How long the first of the certificates to end is still good."""
    found = x509.load_pem_x509_certificates(pem.encode("ascii"))
    return min(one.not_valid_after_utc for one in found) - now


def is_synchronised(flag: Path = SYNCHRONISED, program: str = "timedatectl") -> bool | None:
    """Whether the system's clock is in step with a time server; None if the system does not tell. Never raises."""
    if flag.exists():
        return True
    try:
        words = [program, "show", "--property=NTPSynchronized", "--value"]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=True)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return {"yes": True, "no": False}.get(ran.stdout.strip())


def _instant(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _plain(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE_S:.0f} s"
    return getattr(error, "strerror", None) or str(error)
