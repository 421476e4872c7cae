"""Messages that are not as they should be, over real HTTP to the server that runs: one clear error, nothing changed."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from admission import wire
from admission.passage import Kind
from admission.wire import Answer, Report
from server.store.engine import transaction
from server.store.schema import metadata
from tests.together.busy import ROOM, Arena, busy_site
from tests.together.conftest import Site
from tests.together.supervisors import raised, settle_incidents
from tests.world import PaperKiosk, utc_now

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(120)]
Sealed = tuple[bytes, dict[str, str]]


@dataclass
class Post:
    """A site, and a kiosk on paper that speaks to it."""

    site: Site
    kiosk: PaperKiosk

    def send(self, sealed: Sealed, method: str = "POST") -> tuple[int, bytes]:
        """Status and body."""
        line = http.client.HTTPConnection(self.site.address.removeprefix("http://"), timeout=20)
        try:
            line.request(method, wire.PATH, *sealed)
            reply = line.getresponse()
            return reply.status, reply.read()
        finally:
            line.close()

    def exchange(self, sealed: Sealed | None = None, *, heard: bool = True) -> Answer:
        """A letter that the server takes."""
        status, body = self.send(sealed or self.kiosk.seal(self.kiosk.letter()))
        assert status == 200, body
        answer = wire.decode_answer(body)
        if heard:
            self.kiosk.hear(answer)
        return answer

    def enters(self, number: int) -> None:
        """Somebody comes in at the kiosk."""
        self.kiosk.pass_through(Kind.ENTRY, self.site.world.badge_ids[f"p{number}"], utc_now(), session="opening")

    def tables(self) -> dict[str, list[Any]]:
        """All that the server holds, but for incidents."""
        with transaction(self.site.url) as connection:
            names = [table.name for table in metadata.sorted_tables if table.name != "incident"]
            return {name: list(connection.exec_driver_sql(f'SELECT * FROM "{name}"')) for name in names}

    def of(self, name: str) -> list[Any]:
        """The rows of a table, as often as it is asked."""
        return self.tables()[name]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that runs, for all tests here."""
    arena = Arena(limit=50, people=60, gates=8, outs=0)
    with busy_site(tmp_path_factory.mktemp("letters"), arena) as site:
        yield site


@pytest.fixture
def post(site: Site, request: pytest.FixtureRequest) -> Post:
    """A kiosk with seats and two passages that are at the server; another kiosk for each kind of test."""
    gate = getattr(request, "param", "g1")
    post = Post(site, PaperKiosk(site.world.enrolments[gate], gate, ROOM))
    post.kiosk.incarnation = int.from_bytes(os.urandom(5), "big")
    for number in (1, 2):
        post.exchange()
        post.enters(number)
    post.exchange()
    return post


def sealed_raw(post: Post, body: bytes) -> Sealed:
    """These very bytes, well signed."""
    key = Ed25519PrivateKey.from_private_bytes(post.kiosk.enrolment.seed)
    name = post.kiosk.enrolment.device
    return body, {wire.DEVICE_HEADER: name, wire.SIGNATURE_HEADER: wire.sign(wire.UP, body, key)}


def changed(post: Post, **values: Any) -> Sealed:
    """A letter with an entry in it in which these fields say something else."""
    post.enters(3)
    whole = msgspec.json.decode(wire.encode(post.kiosk.letter())) | values
    return sealed_raw(post, msgspec.json.encode(whole))


def unsigned(post: Post) -> Sealed:
    body, headers = changed(post)
    return body, {wire.DEVICE_HEADER: headers[wire.DEVICE_HEADER]}


def signed_by_another(post: Post) -> Sealed:
    body, headers = changed(post)
    return body, headers | {wire.SIGNATURE_HEADER: wire.sign(wire.UP, body, Ed25519PrivateKey.generate())}


def altered(post: Post) -> Sealed:
    body, headers = changed(post)
    return body.replace(b'"ask"', b'"news"'), headers


def an_answer_s_signature(post: Post) -> Sealed:
    body, headers = changed(post)
    key = Ed25519PrivateKey.from_private_bytes(post.kiosk.enrolment.seed)
    return body, headers | {wire.SIGNATURE_HEADER: wire.sign(wire.DOWN, body, key)}


def two_reports(post: Post) -> Sealed:
    letter = post.kiosk.letter()
    return sealed_raw(post, wire.encode(msgspec.structs.replace(letter, reports=letter.reports * 2)))


def beyond_numbers(post: Post) -> Sealed:
    report = Report(ROOM, 1, -1, 0, 0, 0, 0)
    return sealed_raw(post, wire.encode(msgspec.structs.replace(post.kiosk.letter(), reports=(report,))))


BAD: dict[str, tuple[Callable[[Post], Sealed], int, str]] = {
    "no JSON": (lambda post: sealed_raw(post, b"\xff\x00 not JSON"), 400, "bad_message"),
    "nothing": (lambda post: sealed_raw(post, b""), 400, "bad_message"),
    "no fields": (lambda post: sealed_raw(post, b"{}"), 400, "bad_message"),
    "a field too many": (lambda post: changed(post, colour="red"), 400, "bad_message"),
    "a later version": (lambda post: changed(post, v=2), 400, "bad_message"),
    "a later version with more": (lambda post: changed(post, v=2, colour="red"), 400, "bad_message"),
    "in another's name": (lambda post: changed(post, device="k-g8"), 400, "bad_message"),
    "a negative number": (beyond_numbers, 400, "bad_message"),
    "two reports on one room": (two_reports, 400, "bad_message"),
    "too many passages": (lambda post: changed(post, passages=["QUJD"] * 501), 400, "bad_message"),
    "unsigned": (unsigned, 403, "bad_signature"),
    "signed by another": (signed_by_another, 403, "bad_signature"),
    "altered on the way": (altered, 403, "bad_signature"),
    "with an answer's signature": (an_answer_s_signature, 403, "bad_signature"),
}


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.parametrize("post", ["g1"], indirect=True)
def test_a_message_that_cannot_be_taken_gets_one_error_changes_nothing_and_is_seen(post: Post, name: str) -> None:
    make, expected, kind = BAD[name]
    settle_incidents(post.site)
    sealed, before = make(post), post.tables()
    status, body = post.send(sealed)
    error = msgspec.json.decode(body)
    assert (status, set(error)) == (expected, {"error", "what", "do"})
    assert post.tables() == before
    assert [one.device for one in raised(post.site, kind)] == ["k-g1"]


@pytest.mark.parametrize("post", ["g2"], indirect=True)
def test_what_is_too_large_or_no_post_is_not_even_read(post: Post) -> None:
    before = post.tables()
    status, body = post.send(sealed_raw(post, b" " * (wire.MAX_BODY + 1)))
    assert (status, msgspec.json.decode(body)["error"]) == (400, "Not understood")
    status, _ = post.send(sealed_raw(post, b""), "GET")
    assert status == 400
    assert post.tables() == before


@pytest.mark.parametrize("post", ["g2"], indirect=True)
def test_a_stranger_is_told_so_and_leaves_no_trace(post: Post) -> None:
    body, headers = changed(post)
    before = post.tables()
    status, said = post.send((body, headers | {wire.DEVICE_HEADER: "nobody"}))
    assert status == 403
    assert "nobody" in msgspec.json.decode(said)["what"]
    assert post.tables() == before
    assert [one for one in raised(post.site, "bad_signature") if one.device == "nobody"] == []


@pytest.mark.parametrize("post", ["g3"], indirect=True)
def test_a_message_sent_again_and_again_is_answered_alike_and_never_grants_twice(post: Post) -> None:
    badge = post.site.world.badge_ids["p4"]
    post.enters(3)
    letter = post.kiosk.seal(post.kiosk.letter(asking=badge))
    first = post.exchange(letter, heard=False)
    log, accounts = len(post.of("passage")), _seats(post)
    for _ in range(20):
        again = post.exchange(letter, heard=False)
        assert (again.have_seq, again.verdicts) == (first.have_seq, first.verdicts)
        assert [grant.granted for grant in again.grants] == [grant.granted for grant in first.grants]
    assert (len(post.of("passage")), _seats(post)) == (log, accounts)


@pytest.mark.parametrize("post", ["g4"], indirect=True)
def test_messages_in_the_wrong_order_are_absorbed_and_move_no_counter_back(post: Post) -> None:
    post.enters(3)
    older = post.kiosk.seal(post.kiosk.letter())
    post.enters(4)
    newer = post.kiosk.seal(post.kiosk.letter())
    late = post.exchange(newer)
    accounts, log, aside = _seats(post), len(post.of("passage")), post.of("quarantine")
    stale = post.exchange(older, heard=False)
    assert stale.have_seq == late.have_seq == 4
    assert (_seats(post), len(post.of("passage"))) == (accounts, log)
    assert post.of("quarantine") == aside


@pytest.mark.parametrize("post", ["g5"], indirect=True)
def test_a_record_in_good_order_that_makes_no_sense_is_kept_aside_and_blocks_nothing(post: Post) -> None:
    post.kiosk.append(b"not a passage")
    post.enters(40)
    answer = post.exchange()
    assert answer.have_seq == 4
    assert [verdict for _, verdict in answer.verdicts] == ["quarantined", "accepted"]
    assert [one.device for one in raised(post.site, "quarantine")] == ["k-g5"]


def _seats(post: Post) -> list[tuple[Any, ...]]:
    """What every account says, but for when it was heard."""
    with transaction(post.site.url) as connection:
        columns = "device, incarnation, room, era, granted, returned, entries, exits, forced, state"
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM account ORDER BY 1, 2, 3")]
