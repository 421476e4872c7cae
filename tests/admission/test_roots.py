"""What is taken for the roots of a server's TLS, and the fingerprint by which they are known."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from admission import roots, wire
from admission.errors import BadMessage
from admission.wire import Enrolment
from tests.tls import Authority

ONE, OTHER = Authority("one"), Authority("other")


def test_a_root_is_known_by_the_fingerprint_that_every_program_gives_it(tmp_path: Path) -> None:
    pem = roots.read(ONE.pem.encode())
    assert pem == ONE.pem
    assert roots.fingerprint(pem) == hashlib.sha256(ONE.certificate.public_bytes(Encoding.DER)).digest()
    if openssl := shutil.which("openssl"):
        (tmp_path / "root.crt").write_text(pem)
        asked = [openssl, "x509", "-noout", "-fingerprint", "-sha256", "-in", str(tmp_path / "root.crt")]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        assert said.strip().partition("=")[2].replace(":", "").lower() == roots.fingerprint(pem).hex()


def test_two_roots_are_kept_in_their_order_without_what_stands_between_them() -> None:
    text = f"# the old one\n{ONE.pem}\n  and the new one\n{OTHER.pem}\n# end\n"
    assert roots.read(text.encode()) == ONE.pem + OTHER.pem
    assert roots.fingerprint(ONE.pem + OTHER.pem) != roots.fingerprint(OTHER.pem + ONE.pem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no certificate"),
        ("<html>Sign in to this network</html>", "no certificate"),
        (ONE.pem[: len(ONE.pem) // 2], "no certificate"),
        (ONE.pem.replace("A", "B"), "damaged"),
        (ONE.pem * 5, "5 certificates; at most 4"),
        (ONE.pem + "#" * roots.MOST_BYTES, "more than 16000 bytes"),
    ],
)
def test_what_is_no_root_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(BadMessage, match=said):
        roots.read(text.encode())


def test_a_server_s_own_certificate_is_no_root_whether_alone_or_beside_one(tmp_path: Path) -> None:
    _, own = ONE.certify(tmp_path, "127.0.0.1")
    for text in (own, ONE.pem + own):
        with pytest.raises(BadMessage, match="not an authority's; the root is needed"):
            roots.read(text.encode())


class TestEnrolment:
    GIVEN = Enrolment(device="k", seed=bytes(32), server="https://server", server_key=bytes(32))

    def test_one_without_roots_is_written_as_it_always_was(self) -> None:
        body = wire.encode(self.GIVEN)
        assert body.startswith(b'{"v":1,"device":"k",')
        assert b'"ca"' not in body
        assert wire.decode_enrolment(body) == self.GIVEN

    def test_one_with_roots_is_read_as_it_was_written(self) -> None:
        pinned = msgspec.structs.replace(self.GIVEN, ca=ONE.pem + OTHER.pem)
        assert wire.decode_enrolment(wire.encode(pinned)) == pinned
        by_hand = msgspec.structs.replace(pinned, ca=f"# put in by hand\n{ONE.pem}\n{OTHER.pem}")
        assert wire.decode_enrolment(wire.encode(by_hand)) == pinned

    def test_one_whose_roots_are_none_is_damaged(self) -> None:
        body = wire.encode(msgspec.structs.replace(self.GIVEN, ca="/etc/threshold/ca.crt"))
        with pytest.raises(BadMessage, match="no certificate"):
            wire.decode_enrolment(body)
