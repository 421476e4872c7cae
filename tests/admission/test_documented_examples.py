"""What docs/protocol.md says in bytes and names is what the code does: the document itself is read here."""

from __future__ import annotations

import ast
import pkgutil
import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from admission import passage, record, venue, wire
from admission.badge import Badge, EventKeys, issue, token_bytes, verify
from admission.passage import GENESIS, Passage, chain
from admission.record import Record
from admission.rules import Flag, Why
from admission import stays
from server import intake

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text("utf-8")
_MARKED = re.findall(r"<!-- example: ([\w-]+) -->\n```\w+\n(.*?)\n```", DOCUMENT, re.DOTALL)
EXAMPLES = dict(_MARKED)
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    *(wire.Exchange, wire.Report, wire.Presenting, wire.Cursors),
    *(wire.Answer, wire.GrantTo, wire.Whereabouts, wire.ProgrammeNews, wire.Keyring, wire.Key),
    *(wire.BadgeNews, wire.Listed, wire.PresenceNews, wire.Enrolment),
    *(venue.Programme, venue.Room, venue.Gate, venue.Session, Passage),
)
VERDICTS = {stays.ACCEPTED, stays.DUPLICATE, stays.UNMATCHED} | {
    *(intake.NOTED, intake.UNKNOWN_BADGE, intake.REVOKED_MEANWHILE, intake.QUARANTINED),
    *(intake.FORCED, intake.ANNULLED, intake.ANNULS_NOTHING, intake.COUNTED),
}


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
    for name in ("passage-1", "passage-2"):
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
    assert request.passages == (_bytes("passage-1-bytes"), _bytes("passage-2-bytes"))
    assert (request.head_seq, request.head) == (2, _bytes("passage-2-hash"))


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
    assert first.grants[0].granted - request.reports[0].granted == 5


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_a_table_names_every_field_in_its_order(struct: type[msgspec.Struct]) -> None:
    assert _names(_rows(f"#### `{struct.__name__}`")) == [field.name for field in msgspec.structs.fields(struct)]


def test_no_struct_is_left_out_of_the_tables() -> None:
    assert set(re.findall(r"^#### `(\w+)`$", DOCUMENT, re.MULTILINE)) == {struct.__name__ for struct in STRUCTS}


@pytest.mark.parametrize(("head", "values"), [("| `why` | |", Why), ("| flag | |", Flag)])
def test_a_table_names_every_reason_and_every_flag(head: str, values: type[StrEnum]) -> None:
    assert set(_names(_rows(head))) == {value.value for value in values}


def test_a_table_names_every_verdict_of_the_server() -> None:
    assert set(_names(_rows("| verdict | | incident |"))) == VERDICTS


@pytest.mark.parametrize(("name", "value"), [row[:2] for row in _rows("## 13. Figures")], ids=lambda cell: cell)
def test_a_figure_is_the_one_in_the_code(name: str, value: str) -> None:
    assert pkgutil.resolve_name(name.strip("`")) == ast.literal_eval(value.strip("`"))
