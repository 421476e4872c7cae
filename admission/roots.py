"""The roots of the server's TLS: the certificates of the authorities that a kiosk believes about its server, and no
others.

Text in, text out: knows nothing of files, sockets and clocks, so not whether a certificate is still in date.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from admission.errors import BadMessage, PeerError

MOST = 4
MOST_BYTES = 16_000


class BadCertificate(PeerError):
    """Who answers has no certificate that rests on the roots and is made out to the address that was asked."""


def read(text: bytes) -> str:
    """The certificates in a PEM text, in their order and with nothing between them.

    Raises BadMessage if there is none or more than MOST, or one of them is not an authority's.
    """
    if len(text) > MOST_BYTES:
        raise BadMessage(f"more than {MOST_BYTES} bytes of certificates")
    try:
        found = x509.load_pem_x509_certificates(text)
        authorities = [one for one in found if _is_authority(one)]
    except ValueError as error:
        raise BadMessage("there is no certificate in it, or a damaged one (PEM is expected)") from error
    if len(found) > MOST:
        raise BadMessage(f"{len(found)} certificates; at most {MOST} are taken")
    if len(authorities) < len(found):
        raise BadMessage("it holds a certificate that is not an authority's; the root is needed, not the server's own")
    return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in found)


def fingerprint(pem: str) -> bytes:
    """SHA-256 over the certificates (DER) that ``read`` has given, one after another: of a single one it is what every
    other program calls its fingerprint."""
    found = x509.load_pem_x509_certificates(pem.encode("ascii"))
    return hashlib.sha256(b"".join(one.public_bytes(Encoding.DER) for one in found)).digest()


def _is_authority(one: x509.Certificate) -> bool:
    """Raises ValueError for extensions that cannot be read."""
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
