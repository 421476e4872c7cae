"""Connections to the server, and whose certificates they believe: pinned roots, a file's, or the system's.

Knows nothing of what is said over them.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

from admission.errors import NetworkError
from admission.roots import BadCertificate

PEM = "-----BEGIN "
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for."""


def pool(ca: str, size: int) -> urllib3.PoolManager:
    """Connections, at most ``size`` at once to a server. ``ca``: roots as PEM, which alone are believed; the path of a
    file of roots; or "", which is the system's. A file that is missing is noticed by each exchange. Raises
    BadCertificate for PEM that cannot be used."""
    context = _pinned(ca) if ca.startswith(PEM) else None
    file = None if context else ca or None
    return urllib3.PoolManager(num_pools=size, maxsize=size, retries=False, ca_certs=file, ssl_context=context)


@contextmanager
def blind() -> Iterator[urllib3.PoolManager]:
    """A connection that proves nothing, for what proves itself; urllib3 does not warn of it meanwhile."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    with warnings.catch_warnings(), urllib3.PoolManager(num_pools=1, retries=False, ssl_context=context) as http:
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        yield http


@contextmanager
def told() -> Iterator[None]:
    """Says of a failed exchange what it was: raises BadCertificate where the server cannot prove that it is the server,
    and NetworkError for everything else."""
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        raise _of_tls(error) from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: an address that is none
        raise NetworkError("the server cannot be reached") from error


def _of_tls(error: urllib3.exceptions.SSLError) -> NetworkError | BadCertificate:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return BadCertificate(f"the server's certificate is not accepted: {cause.verify_message}")
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        return NetworkError(f"the file with the certificates to trust (setting ca): {cause.strerror}")
    return NetworkError(f"TLS with the server does not come about: {getattr(cause, 'reason', None) or cause}")


def _pinned(pem: str) -> ssl.SSLContext:
    """Believes these roots and no others, for the name or number in the address.

    Dates are not held against the kiosk's clock: a Raspberry Pi has none that runs while it is off, and gets the time
    from the server. A certificate of today must not lock out the kiosk that still lives in yesterday.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    try:
        context.load_verify_locations(cadata=pem)
    except ssl.SSLError as error:
        raise BadCertificate(f"the certificates to trust cannot be used: {error}") from error
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | NO_CHECK_TIME)
    return context
