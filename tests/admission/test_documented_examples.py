"""What docs/protocol.md says in bytes and names is what the code does: the document itself is read here."""

from __future__ import annotations

import ast
import pkgutil
import re
import zlib
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from admission import courier, health, pairing, passage, record, stays, venue, wire
from admission.badge import Badge, EventKeys, base45_decode, issue, token_bytes, verify
from admission.passage import GENESIS, Passage, chain
from admission.record import Record
from admission.rules import Flag, Why
from server import deeds, intake

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
_MARKED = re.findall(r"<!-- example: ([\w-]+) -->\n```\w+\n(.*?)\n```", DOCUMENT, re.DOTALL)
EXAMPLES = dict(_MARKED)
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    *(wire.Exchange, wire.Report, wire.Presenting, wire.Cursors, health.Health, health.StageHealth),
    *(wire.Answer, wire.GrantTo, wire.Whereabouts, wire.ProgrammeNews, wire.Keyring, wire.Key),
    *(wire.BadgeNews, wire.Listed, wire.PresenceNews, wire.Enrolment),
    *(courier._Slip, courier.Delivered, pairing.Enrol, pairing.Enrolled),
    *(venue.Programme, venue.Room, venue.Gate, venue.Session, Passage),
)
VERDICTS = {stays.ACCEPTED, stays.DUPLICATE, stays.UNMATCHED} | {
    *(intake.NOTED, intake.UNKNOWN_BADGE, intake.REVOKED_MEANWHILE, intake.QUARANTINED),
    *(intake.FORCED, intake.ANNULLED, intake.ANNULS_NOTHING, intake.COUNTED),
}


PASSAGES = ("passage-1", "passage-2", "passage-3")


def _bytes(name: str) -> bytes:
    return bytes.fromhex(EXAMPLES[name])


def _sent(name: str) -> bytes:
    """The message as it was sent: the document only adds white space between tokens."""
    sent: bytes = msgspec.json.format(EXAMPLES[name].encode(), indent=-1)
    return sent


def _rows(head: str) -> list[list[str]]:
    """The rows of the first table after ``head``, as cells."""
    _, found, rest = DOCUMENT.partition(f"\n{head}")
    assert found, f"the document has no {head!r}"
    lines = rest[rest.index("\n|---") + 1 :].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _names(rows: list[list[str]]) -> list[str]:
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row[0])]


def _title(struct: type[msgspec.Struct]) -> str:
    return struct.__name__.lstrip("_")


def _seeded(first: int, public: str) -> Ed25519PrivateKey:
    """The key whose seed is 32 bytes that count up from ``first``, as the document says of it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(first, first + 32)))
    assert key.public_key().public_bytes_raw() == _bytes(public)
    return key


def _public(name: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_bytes(name))


def test_every_example_has_a_name_of_its_own() -> None:
    assert len(_MARKED) == len(EXAMPLES) == DOCUMENT.count("<!-- example:")


def test_the_documented_badge_is_signed_and_verified_as_written() -> None:
    key = Ed25519PrivateKey.from_private_bytes(_bytes("badge-seed"))
    badge = msgspec.json.decode(EXAMPLES["badge"], type=Badge)
    text = EXAMPLES["badge-text"]
    assert key.public_key().public_bytes_raw() == _bytes("badge-public")
    assert badge.id == 1201 << 32 | 0x5EED0B0E
    assert issue(badge, key) == text
    assert token_bytes(text) == _bytes("badge-body") + _bytes("badge-signature")
    key.public_key().verify(_bytes("badge-signature"), b"threshold-badge-1" + _bytes("badge-body"))
    keys = EventKeys(badge.event, datetime(2026, 11, 23, tzinfo=UTC), {badge.key_id: _public("badge-public")})
    assert verify(text, keys) == badge


def test_the_documented_record_is_sealed_with_the_documented_badge() -> None:
    text, box = EXAMPLES["badge-text"], _bytes("record-box")
    sealed = msgspec.json.decode(EXAMPLES["record"], type=Record)
    assert record.seal(text, sealed, bytes(range(record.NONCE))) == (_bytes("record-lookup"), box)
    assert record.unseal(text, box) == sealed
    assert len(box) == len(msgspec.msgpack.encode(sealed)) + 28


def test_the_documented_passages_have_these_bytes_and_hashes() -> None:
    head = GENESIS
    for name in PASSAGES:
        raw = _bytes(f"{name}-bytes")
        written = msgspec.json.decode(EXAMPLES[name], type=Passage)
        assert passage.decode(raw) == written
        assert passage.encode(written) == raw
        head = chain(head, raw)
        assert head == _bytes(f"{name}-hash")


def test_the_captured_request_was_signed_by_its_kiosk_and_carries_the_documented_passages() -> None:
    body = _sent("request")
    wire.check(wire.UP, body, EXAMPLES["request-signature"], _public("device-key"))
    request = wire.decode_exchange(body)
    assert wire.encode(request) == body
    assert request.passages == tuple(_bytes(f"{name}-bytes") for name in PASSAGES)
    assert (request.head_seq, request.head) == (len(PASSAGES), _bytes(f"{PASSAGES[-1]}-hash"))


def test_the_documented_figures_of_reading_are_read_and_written_as_they_stand() -> None:
    said = health.decode(EXAMPLES["health"])
    assert said is not None
    assert health.encode(said) == _sent("health")
    assert sum(stage.needed for stage in said.stages) == said.presentations


def test_the_captured_answers_were_signed_by_the_server_and_belong_to_the_kiosk() -> None:
    request = wire.decode_exchange(_sent("request"))
    for name in ("answer", "news"):
        body = _sent(name)
        wire.check(wire.DOWN, body, EXAMPLES[f"{name}-signature"], _public("server-key"))
        answer = wire.decode_answer(body)
        assert wire.encode(answer) == body
        assert (answer.device, answer.incarnation) == (request.device, request.incarnation)
        assert answer.have_seq == request.head_seq
    first = wire.decode_answer(_sent("answer"))
    assert (first.boot, first.boot_ms) == (request.boot, request.boot_ms)
    assert first.grants[0].granted - request.reports[0].granted == 4


def _array(payload: bytes) -> str:
    """The array in a courier's code, as the document writes it."""
    return msgspec.json.encode(msgspec.msgpack.decode(zlib.decompress(payload[64:]))).decode()


def test_the_documented_code_of_a_courier_is_the_kiosks_letter() -> None:
    text = EXAMPLES["courier-frame"]
    frame = courier.read_frame(text)
    assert (frame.device, frame.part, frame.parts) == ("k-hall-a", 1, 1)
    assert _array(frame.payload) == EXAMPLES["courier-slip"]
    letter = courier.open_frame(frame, _public("device-key"))
    assert (letter.first_seq, letter.head_seq, letter.acknowledged) == (4, 4, 3)
    assert passage.chain(_bytes("passage-3-hash"), letter.passages[0]) == letter.head
    (code,) = courier.frames(letter, _seeded(0x40, "device-key"))
    assert code.split(":")[:5] == text.split(":")[:5]
    assert courier.open_frame(courier.read_frame(code), _public("device-key")) == letter


def test_the_documented_code_for_the_kiosk_brings_the_documented_seats() -> None:
    text = EXAMPLES["courier-carried"]
    letter = courier.open_frame(courier.read_frame(EXAMPLES["courier-frame"]), _public("device-key"))
    delivered = courier.open_answer(text, _public("server-key"))
    assert courier.is_answer(text)
    assert _array(base45_decode(text.split(":", 2)[2]) or b"") == EXAMPLES["courier-delivered"]
    assert (delivered.device, delivered.incarnation) == (letter.device, letter.incarnation)
    assert (delivered.have_seq, delivered.era) == (letter.head_seq, letter.era)
    assert delivered.grants[0].granted - letter.reports[0].granted == 19
    assert (
        courier.open_answer(courier.answer(delivered, _seeded(0x60, "server-key")), _public("server-key")) == delivered
    )


@pytest.mark.parametrize(("name", "size"), [("courier-frame", 413), ("courier-carried", 191)])
def test_a_code_is_of_the_qr_alphanumeric_set_and_of_the_documented_size(name: str, size: int) -> None:
    assert re.fullmatch(r"[0-9A-Z $%*+\-./:]+", EXAMPLES[name])
    assert len(EXAMPLES[name]) == size


def test_the_documented_pairing_is_read_signed_and_shown_as_written() -> None:
    code = pairing.read_code(EXAMPLES["pairing-code"])
    assert code == pairing.Code("http://192.168.1.5:8080", _bytes("badge-public"), bytes(range(16)))
    assert pairing.write_code(code) == EXAMPLES["pairing-code"]
    pinning = pairing.Code("https://192.168.1.5", code.server_key, code.token, bytes(range(0x60, 0x80)))
    assert pairing.read_code(EXAMPLES["pairing-code-roots"]) == pinning
    assert pairing.write_code(pinning) == EXAMPLES["pairing-code-roots"]
    request, answer = (EXAMPLES[f"pairing-{name}"].encode() for name in ("request", "answer"))
    asked = pairing.decode_enrol(request)
    assert (asked.token, asked.public) == (code.token, _bytes("pairing-public"))
    assert pairing.encode(asked) == request
    key = _seeded(0x20, "pairing-public")
    assert wire.sign(pairing.UP, request, key) == EXAMPLES["pairing-request-signature"]
    wire.check(pairing.DOWN, answer, EXAMPLES["pairing-answer-signature"], _public("badge-public"))
    assert pairing.decode_enrolled(answer).public == asked.public
    assert pairing.digits(code, asked.public) == EXAMPLES["pairing-digits"]


@pytest.mark.parametrize("struct", STRUCTS, ids=_title)
def test_a_table_names_every_field_in_its_order(struct: type[msgspec.Struct]) -> None:
    assert _names(_rows(f"#### `{_title(struct)}`")) == [field.name for field in msgspec.structs.fields(struct)]


def test_no_struct_is_left_out_of_the_tables() -> None:
    assert set(re.findall(r"^#### `(\w+)`$", DOCUMENT, re.MULTILINE)) == {_title(struct) for struct in STRUCTS}


@pytest.mark.parametrize(("head", "values"), [("| `why` | |", Why), ("| flag | |", Flag)])
def test_a_table_names_every_reason_and_every_flag(head: str, values: type[StrEnum]) -> None:
    assert set(_names(_rows(head))) == {value.value for value in values}


def test_a_table_names_every_verdict_of_the_server() -> None:
    assert set(_names(_rows("| verdict | | incident |"))) == VERDICTS


def test_a_table_names_the_verdicts_that_raise_an_incident() -> None:
    alarming = {name for row in _rows("| verdict | | incident |") if row[2] == "yes" for name in _names([row])}
    assert alarming == intake.ALARMING | {intake.QUARANTINED}


def test_a_table_names_every_act_what_it_needs_and_who_confirms_it() -> None:
    rows = {row[0].strip("`"): row[1:] for row in _rows("| act | needs |")}
    assert list(rows) == list(deeds.DEEDS)
    for kind, deed in deeds.DEEDS.items():
        needs, who, second, _effect = rows[kind]
        assert needs == ", ".join(deed.needs)
        assert who == {deeds.STEWARDS: "steward", deeds.SUPERVISORS: "supervisor", deeds.DESK: "desk"}[deed.roles]
        assert second == ("yes" if deed.second else "")


@pytest.mark.parametrize(("name", "value"), [row[:2] for row in _rows("## 16. Figures")], ids=lambda cell: cell)
def test_a_figure_is_the_one_in_the_code(name: str, value: str) -> None:
    assert pkgutil.resolve_name(name.strip("`")) == ast.literal_eval(value.strip("`"))
