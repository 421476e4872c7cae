"""Messages, passages, sealed records and bitmaps: strict on the way in, exact on the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from admission import bitmap, wire
from admission.badge import Badge, badge_id, issue
from admission.errors import BadMessage, BadSignature
from admission.passage import GENESIS, Kind, Passage, chain, decode, encode
from admission.record import Record, lookup, seal, unseal
from admission.venue import Exits, Gate, Programme, Room, RoomId, Session, SessionId, capacity_at, default_reserve
from admission.wire import Exchange, Lane

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
EARLIEST = datetime(2000, 1, 1)  # noqa: DTZ001 - Hypothesis adds the zone
LATEST = datetime(2999, 12, 31)  # noqa: DTZ001
LETTER = Exchange(device="k", incarnation=1, boot="b", boot_ms=5, lane=Lane.ASK)

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
passages = st.builds(
    Passage,
    kind=st.sampled_from(Kind),
    why=words,
    badge=st.integers(0, 2**63 - 1),
    gate=words,
    room=words,
    boot=words,
    boot_ms=st.integers(0, 2**40),
    at=st.none() | st.datetimes(timezones=st.just(UTC), min_value=EARLIEST, max_value=LATEST),
    count=st.integers(1, 100),
)


@given(passages)
def test_a_passage_comes_back_as_it_was_written(passage: Passage) -> None:
    assert decode(encode(passage)) == passage


@given(st.binary())
def test_bytes_that_are_no_passage_are_a_bad_message(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(raw)


def test_a_passage_of_a_later_version_says_so() -> None:
    passage = Passage(v=2, kind=Kind.ENTRY, badge=1, gate="g", room="r", boot="b", boot_ms=1, at=None)
    with pytest.raises(BadMessage, match="version 2"):
        decode(encode(passage))


@given(st.lists(st.binary(min_size=1), min_size=2, max_size=5, unique=True))
def test_the_chain_depends_on_every_passage_and_their_order(raws: list[bytes]) -> None:
    def head(order: list[bytes]) -> bytes:
        at = GENESIS
        for raw in order:
            at = chain(at, raw)
        return at

    assert head(raws) != head(raws[::-1])
    assert head(raws) != head(raws[:-1])


def test_a_message_comes_back_as_it_was() -> None:
    assert wire.decode_exchange(wire.encode(LETTER)) == LETTER


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not a message"),
        (b"{", "not a message"),
        (b"[]", "not a message"),
        (wire.encode(LETTER).replace(b'"v":1', b'"v":9'), "version 9"),
        (wire.encode(LETTER)[:-1] + b',"new_field":1}', "new_field"),
        (b'{"v":2,"hello":"from the future"}', "version 2.*update"),
        (wire.encode(msgspec.structs.replace(LETTER, incarnation=-1)), "below zero"),
        (wire.encode(msgspec.structs.replace(LETTER, era=2**31)), "an era"),
        (wire.encode(msgspec.structs.replace(LETTER, passages=(b"x",) * 501)), "501 passages"),
        (b" " * (wire.MAX_BODY + 1), "at most"),
    ],
)
def test_a_message_that_cannot_be_says_what_is_wrong(body: bytes, says: str) -> None:
    with pytest.raises(BadMessage, match=says):
        wire.decode_exchange(body)


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_decoder(body: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.decode_exchange(body)


def test_a_signature_holds_for_these_bytes_in_this_direction_by_this_key_only() -> None:
    body = wire.encode(LETTER)
    signature = wire.sign(wire.UP, body, KEY)
    wire.check(wire.UP, body, signature, KEY.public_key())
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key()
    for context, said, sealed, key in (
        (wire.DOWN, body, signature, KEY.public_key()),
        (wire.UP, body + b" ", signature, KEY.public_key()),
        (wire.UP, body, signature[:-2] + "ff", KEY.public_key()),
        (wire.UP, body, "not hexadecimal", KEY.public_key()),
        (wire.UP, body, signature, other),
    ):
        with pytest.raises(BadSignature):
            wire.check(context, said, sealed, key)


def _token(serial: int) -> str:
    return issue(Badge(7, 0, badge_id(serial, 5), 1, 0, 0, 0), KEY)


def test_a_sealed_record_opens_with_its_badge_and_no_other() -> None:
    where, box = seal(_token(1), Record("Žofie 王", "cs", "wheelchair"), b"n" * 12)
    assert where == lookup(_token(1))
    assert unseal(_token(1), box) == Record("Žofie 王", "cs", "wheelchair")
    assert unseal(_token(2), box) is None
    assert unseal(_token(1), box[:-1]) is None
    assert unseal(_token(1), b"") is None
    assert "Žofie".encode() not in box


@given(st.sets(st.integers(0, 5000)))
def test_a_bitmap_holds_exactly_its_serials(serials: set[int]) -> None:
    bits = bitmap.unpack(bitmap.pack(serials))
    assert {serial for serial in range(5001) if bitmap.holds(bits, serial)} == serials


def test_ten_thousand_of_a_million_serials_are_small() -> None:
    assert len(bitmap.pack(range(0, 1_000_000, 100))) < 20_000


@pytest.mark.parametrize("packed", [b"", b"garbage", bitmap.pack([5])[:-2]])
def test_a_damaged_bitmap_is_a_bad_message(packed: bytes) -> None:
    with pytest.raises(BadMessage, match="bitmap"):
        bitmap.unpack(packed)


def test_the_capacity_now_is_the_smaller_of_the_legal_one_and_the_sessions() -> None:
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    room = Room(RoomId("r"), "R", None, 100, 10, Exits.NONE)
    hour = timedelta(hours=1)
    talk = Session(SessionId("s"), "S", RoomId("r"), now, now + hour, now - hour, now + hour, 40, 0, 0, False)
    programme = Programme(1, "E", "UTC", (room,), (), (talk,))
    assert capacity_at(programme, room, now) == 40
    assert capacity_at(programme, room, now + 2 * hour) == 90
    assert capacity_at(programme, Room(RoomId("r"), "R", None, None, 0, Exits.NONE), now) is None


class OldRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A room as kiosks knew it before there were overflow rooms."""

    id: str
    name: str
    inside: str | None
    limit: int | None
    reserve: int
    exits: Exits
    only: int | None = None


class OldProgramme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A programme as kiosks knew it before doors were told their languages."""

    version: int
    event: str
    timezone: str
    rooms: tuple[OldRoom, ...] = ()
    gates: tuple[Gate, ...] = ()
    sessions: tuple[Session, ...] = ()
    show_names: bool = False


def test_an_older_kiosk_reads_a_programme_until_something_new_is_said_in_it() -> None:
    room = Room(RoomId("r"), "R", None, 100, 10, Exits.NONE)
    plain = Programme(1, "E", "UTC", (room,))
    new = (
        msgspec.structs.replace(plain, languages=("en", "hi")),
        msgspec.structs.replace(plain, rooms=(msgspec.structs.replace(room, overflow=RoomId("s")),)),
    )
    assert msgspec.json.decode(msgspec.json.encode(plain), type=OldProgramme).rooms[0].name == "R"
    for programme in new:
        sent = msgspec.json.encode(programme)
        assert msgspec.json.decode(sent, type=Programme) == programme
        with pytest.raises(msgspec.ValidationError, match=r"languages|overflow"):
            msgspec.json.decode(sent, type=OldProgramme)


def test_a_newer_kiosk_reads_the_programme_of_an_older_server() -> None:
    old = OldProgramme(1, "E", "UTC", (OldRoom("r", "R", None, 100, 10, Exits.NONE),))
    read = msgspec.json.decode(msgspec.json.encode(old), type=Programme)
    assert (read.languages, read.show_names, read.rooms[0].overflow) == ((), False, None)


@pytest.mark.parametrize(("limit", "reserve"), [(None, 0), (1, 1), (30, 2), (100, 2), (1500, 30)])
def test_the_reserve_is_the_larger_of_two_and_two_per_cent(limit: int | None, reserve: int) -> None:
    assert default_reserve(limit) == reserve
