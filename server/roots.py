"""The file with the roots of the TLS that stands in front of this server: what kiosks are told to pin.

Read anew each time, so that a file that is replaced counts at once. Knows nothing of whose TLS it is.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from admission import roots as words
from admission.errors import BadMessage, ConfigError
from admission.wire import Enrolment
from server.phrase import phrase


def read(file: str) -> str:
    """The certificates in the file (setting "ca"), as PEM; "" if none is named. Raises ConfigError."""
    if not file:
        return ""
    try:
        with Path(file).open("rb") as opened:
            return words.read(opened.read(words.MOST_BYTES + 1))
    except OSError as error:
        raise ConfigError(
            phrase("setting ca: cannot read {file}: {why}", file=file, why=error.strerror or "unknown")
        ) from error
    except BadMessage as error:
        raise ConfigError(phrase("setting ca: {file}: {why}", file=file, why=str(error))) from error


def applies(address: str) -> bool:
    """Whether a kiosk that reaches the server under this address has anything to hold against the roots."""
    return address.lower().startswith("https://")


def pinned(enrolment: Enrolment, file: str) -> Enrolment:
    """The enrolment, with the roots where they apply. Raises ConfigError."""
    pem = read(file)
    return msgspec.structs.replace(enrolment, ca=pem) if pem and applies(enrolment.server) else enrolment
