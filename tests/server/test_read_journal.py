"""Journals that were read out of stopped kiosks: taken like any letter, told apart by what they prove."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from admission import wire
from admission.errors import BadMessage, BadSignature, ConfigError
from admission.passage import Kind
from server import fencing, journal_desk
from server.config import Config
from server.store import schema
from server.store.engine import SqliteStore
from tests.server.desk import Server, badge_of
from tests.world import PaperKiosk, make_world, utc_now


def line(kiosk: PaperKiosk, *, closed: bool = True, **change: object) -> bytes:
    """One letter of the file, signed by the kiosk: all that was not acknowledged."""
    letter = msgspec.structs.replace(kiosk.letter(lane=wire.Lane.NEWS), closed=closed, **change)
    body, headers = kiosk.seal(letter)
    return msgspec.json.encode({"body": body, "signature": headers[wire.SIGNATURE_HEADER]}) + b"\n"


def let_in(server: Server, kiosk: PaperKiosk, *people: int) -> None:
    for number in people:
        kiosk.pass_through(Kind.ENTRY, badge_of(server, number), server.now)


def take(server: Server, *lines: bytes) -> list[journal_desk.Told]:
    """Takes the file in a transaction."""
    return server.store.write(lambda c: journal_desk.read_journal(c, b"".join(lines), server.now))


def vouch(server: Server) -> int:
    return server.store.write(lambda c: fencing.vouch(c, "k-hall-a"))


def passages(server: Server) -> list[tuple[str, int]]:
    return [(str(row["device"]), int(str(row["seq"]))) for row in server.rows(schema.passage)]


@pytest.fixture
def kiosk(server: Server) -> PaperKiosk:
    """A kiosk that holds seats and has let four people in without a network."""
    made = server.kiosk("hall-a")
    for _ in range(2):
        server.exchange(made)
    assert made.account.balance > 4
    let_in(server, made, 1, 2, 4, 5)
    return made


def test_a_closed_journal_is_taken_and_its_unspent_seats_are_vouched_back(server: Server, kiosk: PaperKiosk) -> None:
    balance = kiosk.account.balance
    [told] = take(server, line(kiosk))
    assert (told.device, told.fresh, told.have_seq) == ("k-hall-a", 4, 4)
    assert journal_desk.report(told)[-1] == "complete and closed: now a supervisor can vouch for k-hall-a"
    assert server.inside()["hall"] == 4
    granted_since = server.rows(schema.account)[0]["granted"]
    assert vouch(server) == balance + int(str(granted_since)) - kiosk.account.granted


def test_without_close_it_is_taken_and_nothing_can_be_vouched_for(server: Server, kiosk: PaperKiosk) -> None:
    [told] = take(server, line(kiosk, closed=False))
    assert told.complete
    assert "not closed" in journal_desk.report(told)[-1]
    assert len(passages(server)) == 4
    with pytest.raises(ConfigError, match="not closed"):
        vouch(server)


def test_the_same_file_again_changes_nothing(server: Server, kiosk: PaperKiosk) -> None:
    file = line(kiosk)
    take(server, file)
    before = server.rows(schema.account)
    [told] = take(server, file)
    assert (told.fresh, told.have_seq) == (0, 4)
    assert len(passages(server)) == 4
    assert server.rows(schema.account) == before


def test_letters_are_taken_in_the_order_of_their_passages(server: Server, kiosk: PaperKiosk) -> None:
    both = kiosk.unsent
    first, second = (line(kiosk, first_seq=at, passages=tuple(both[at - 1 : at + 1])) for at in (1, 3))
    [told] = take(server, second, first)
    assert (told.fresh, told.complete) == (4, True)
    assert server.rows(schema.quarantine) == []


def test_a_journal_that_is_cut_short_says_so(server: Server, kiosk: PaperKiosk) -> None:
    [told] = take(server, line(kiosk, passages=tuple(kiosk.unsent[:2])))
    assert not told.complete
    assert journal_desk.report(told)[-1].startswith("INCOMPLETE: the kiosk has written 4 passages")
    with pytest.raises(ConfigError, match="read up to passage 2 of 4"):
        vouch(server)


def test_a_hole_before_a_letter_is_refused_and_not_quarantined(server: Server, kiosk: PaperKiosk) -> None:
    with pytest.raises(BadMessage, match="passages 1 to 2 of k-hall-a are neither here nor in the file"):
        take(server, line(kiosk, first_seq=3, passages=tuple(kiosk.unsent[2:])))
    assert (passages(server), server.rows(schema.quarantine)) == ([], [])


def test_a_server_restored_from_a_backup_takes_the_whole_journal(server: Server, kiosk: PaperKiosk) -> None:
    [told] = take(server, line(kiosk, acknowledged=3))  # an --all of a kiosk whose first passages were acknowledged
    assert (told.fresh, told.complete) == (4, True)


def test_the_file_may_hold_the_journals_of_several_kiosks(server: Server, kiosk: PaperKiosk) -> None:
    other = server.kiosk("hall-b")
    let_in(server, other, 7)
    told = take(server, line(kiosk), line(other))
    assert [(one.device, one.fresh) for one in told] == [("k-hall-a", 4), ("k-hall-b", 1)]


def test_one_letter_that_is_not_the_kiosks_own_spoils_the_file(server: Server, kiosk: PaperKiosk) -> None:
    forger = server.kiosk("hall-b")
    forger.enrolment = msgspec.structs.replace(forger.enrolment, device="k-hall-a")
    with pytest.raises(BadSignature, match=r"^line 2: the signature does not fit"):
        take(server, line(kiosk), line(forger))
    assert passages(server) == []


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-40], lambda text: text.replace(b"body", b"b"), lambda text: b"\xff" + text]
)
def test_a_damaged_file_names_the_line(server: Server, kiosk: PaperKiosk, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadMessage, match=r"^line 2: not a letter"):
        take(server, line(kiosk), spoil(line(kiosk)))
    assert passages(server) == []


def test_an_empty_file_says_how_to_make_one(server: Server) -> None:
    with pytest.raises(BadMessage, match="threshold-kiosk export"):
        take(server)


def test_a_kiosk_that_was_revoked_is_not_believed(server: Server, kiosk: PaperKiosk) -> None:
    server.store.write(lambda c: fencing.revoke(c, "k-hall-a", 1))
    with pytest.raises(BadSignature, match="k-hall-a was revoked"):
        take(server, line(kiosk))


def test_a_kiosk_of_another_event_is_not_known(server: Server, kiosk: PaperKiosk) -> None:
    kiosk.enrolment = msgspec.structs.replace(kiosk.enrolment, device="k-elsewhere")
    with pytest.raises(BadSignature, match="no kiosk named 'k-elsewhere'"):
        take(server, line(kiosk))


class TestCommand:
    @pytest.fixture
    def commands(self) -> click.Group:
        """A command line with this command in it."""
        group = click.Group()
        journal_desk.register(group, utc_now)
        return group

    @pytest.fixture
    def beside(self, sqlite_store: SqliteStore) -> Server:
        """A server that has the database open."""
        return Server(sqlite_store, sqlite_store.write(lambda c: make_world(c, utc_now())))

    def test_it_works_beside_a_server_that_writes(
        self, beside: Server, sqlite_store: SqliteStore, commands: click.Group, tmp_path: Path
    ) -> None:
        kiosk = beside.kiosk("hall-a")
        beside.exchange(kiosk)
        let_in(beside, kiosk, 1, 2)
        file = tmp_path / "journal.jsonl"
        file.write_bytes(line(kiosk))
        config = Config(database=f"sqlite:///{sqlite_store.path}")
        done = CliRunner().invoke(commands, ["read-journal", str(file)], obj=config, catch_exceptions=False)
        assert "k-hall-a, store 1: 2 passages are new" in done.output
        assert "now a supervisor can vouch for k-hall-a" in done.output
        beside.exchange(beside.kiosk("hall-b"))
        assert [seq for _, seq in passages(beside)] == [1, 2]

    def test_what_is_wrong_leaves_everything_as_it_was(
        self, beside: Server, sqlite_store: SqliteStore, commands: click.Group, tmp_path: Path
    ) -> None:
        kiosk = beside.kiosk("hall-a")
        let_in(beside, kiosk, 1, 2)
        file = tmp_path / "journal.jsonl"
        file.write_bytes(line(kiosk) + b"not a letter\n")
        config = Config(database=f"sqlite:///{sqlite_store.path}")
        with pytest.raises(BadMessage, match=r"^line 2"):
            CliRunner().invoke(commands, ["read-journal", str(file)], obj=config, catch_exceptions=False)
        with sqlite_store.read() as connection:
            assert connection.execute(select(schema.incarnation)).all() == []
