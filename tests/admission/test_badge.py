"""Badge tokens: what is signed comes back, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import qrcode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from admission.badge import (
    TOKEN_LENGTH,
    BadBadge,
    Badge,
    BadgeId,
    EventKeys,
    Flaw,
    badge_id,
    base45_decode,
    base45_encode,
    issue,
    serial_of,
    verify,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
KEYS = EventKeys(7, datetime(2026, 11, 23, tzinfo=UTC), {3: KEY.public_key()})

badges = st.builds(
    Badge,
    event=st.just(7),
    key_id=st.just(3),
    id=st.builds(badge_id, st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1)),
    category=st.integers(0, 15),
    zones=st.integers(0, 4095),
    not_before=st.integers(0, 65535),
    hours=st.integers(0, 255),
)
SAMPLE = Badge(7, 3, BadgeId(5 << 32 | 99), 2, 0, 0, 0)


@given(badges)
def test_a_signed_badge_comes_back_as_it_was(badge: Badge) -> None:
    token = issue(badge, KEY)
    assert len(token) == TOKEN_LENGTH
    assert verify(token, KEYS) == badge


def test_a_token_fits_a_qr_code_of_version_5_m() -> None:
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(issue(SAMPLE, KEY), optimize=0)
    code.make(fit=True)
    assert code.version == 5


@given(badges, st.integers(2, TOKEN_LENGTH - 1), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"))
def test_a_token_with_one_changed_character_is_never_a_badge(badge: Badge, at: int, character: str) -> None:
    token = issue(badge, KEY)
    changed = token[:at] + character + token[at + 1 :]
    if changed != token:
        assert isinstance(verify(changed, KEYS), BadBadge)


@given(st.text())
def test_no_text_crashes_the_verification(text: str) -> None:
    assert isinstance(verify(text, KEYS), BadBadge)
    assert isinstance(verify("TB" + text, KEYS), BadBadge)


@pytest.mark.parametrize(
    ("token", "flaw"),
    [
        ("https://example.org", Flaw.NOT_OURS),
        ("", Flaw.NOT_OURS),
        (issue(SAMPLE, KEY)[:-1], Flaw.DAMAGED),
        ("TB" + ":" * 120, Flaw.DAMAGED),
        (issue(SAMPLE, OTHER), Flaw.FORGED),
        (issue(Badge(7, 4, SAMPLE.id, 2, 0, 0, 0), KEY), Flaw.NOT_OURS),
        (issue(Badge(8, 3, SAMPLE.id, 2, 0, 0, 0), KEY), Flaw.NOT_OURS),
    ],
    ids=["link", "empty", "cut off", "not base45", "another key", "unknown key id", "another event"],
)
def test_the_flaw_says_what_is_wrong(token: str, flaw: Flaw) -> None:
    assert verify(token, KEYS) == BadBadge(flaw)


def test_the_serial_is_inside_the_badge_id() -> None:
    assert serial_of(badge_id(1234, 2**32 - 1)) == 1234


@pytest.mark.parametrize(("serial", "random32"), [(0, 0), (2**31, 0), (1, 2**32)])
def test_an_impossible_badge_id_is_refused(serial: int, random32: int) -> None:
    with pytest.raises(ValueError, match="serial"):
        badge_id(serial, random32)


@pytest.mark.parametrize(
    ("raw", "text"), [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0")]
)
def test_base45_gives_the_examples_of_rfc_9285(raw: bytes, text: str) -> None:
    assert base45_encode(raw) == text
    assert base45_decode(text) == raw


@given(st.binary())
def test_base45_decodes_what_it_encoded(raw: bytes) -> None:
    assert base45_decode(base45_encode(raw)) == raw


@pytest.mark.parametrize("text", ["GGW", ":::", "A", "AAAA", "::", "a00", "é00"])
def test_base45_refuses_what_no_encoder_writes(text: str) -> None:
    assert base45_decode(text) is None
