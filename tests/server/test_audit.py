"""The audit: it passes a clean day, and finds and names what was lost, changed or forked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert, select, update

from admission.passage import decode, encode
from server import acts, audit, audit_command
from server.acts import Actor
from server.config import Config
from server.store.schema import book, incarnation, passage, quarantine
from server.users import Role
from tests.server.audit_day import (
    MINUTE,
    SECOND,
    audited,
    change,
    day,
    enter,
    notes,
    of,
    report,
    wrongs,
)
from tests.server.desk import Server


class TestACleanDay:
    def test_it_passes_on_each_kind_of_database(self, server: Server) -> None:
        day(server)
        found = audited(server)
        assert wrongs(server) == ""
        lines = list(audit.report(found))
        assert lines[-1].startswith("Nothing wrong: 20 passages of 6 kiosks, peak within capacity in every room")
        text = "\n".join(lines)
        assert "20 passages and 1 quarantined record in 6 stores of 6 kiosks" in text
        assert "hall: 9 entries, 1 forced or counted in; at most 8 seats in use" in text
        assert "salon: 4 entries, 0 forced or counted in; at most 3 seats in use" in text
        assert "2 seats that came back through the server" in text
        assert "still inside: club 1, hall 8, salon 2" in text
        assert "k-hall-a: 1 record kept aside (not a passage)" in text

    def test_an_empty_event_passes(self, plain: Server) -> None:
        assert list(audit.report(audited(plain)))[-1].startswith("Nothing wrong: 0 passages of 0 kiosks")

    def test_what_is_still_on_a_kiosk_is_a_note(self, plain: Server) -> None:
        hall = day(plain)["hall-a"]
        enter(plain, hall, 10)
        enter(plain, hall, 11)
        late = hall.letter()
        plain.take(msgspec.structs.replace(late, passages=late.passages[:1]))
        assert wrongs(plain) == ""
        assert "k-hall-a, store 1: not complete yet, 1 passage is still on it" in notes(plain)

    def test_a_count_and_unbadged_people_are_part_of_the_sum(self, plain: Server) -> None:
        doors = day(plain)
        boss, second = Actor("supervisor", Role.SUPERVISOR), Actor("admin", Role.ADMIN)

        def do(kind: str, **asked: object) -> None:
            plain.now += SECOND
            one = plain.store.write(
                lambda c: acts.ask(c, kind, {"room": "hall", **asked}, boss, "for a test", plain.now)
            )
            if one.state is acts.State.WAITING:
                plain.store.write(lambda c: acts.confirm(c, one.id, second, plain.now))

        do("unbadged-in", bodies=3)
        do("unbadged-out", bodies=2)
        do("hold")
        for name in ("hall-a", "hall-b", "hall-out"):
            plain.exchange(doors[name])
        do("count", heads=12)
        enter(plain, doors["hall-a"], 12)
        plain.exchange(doors["hall-a"])
        assert wrongs(plain) == ""
        assert "12 heads were counted" in notes(plain)
        assert "hall: 10 entries, 4 forced or counted in; at most 13 seats in use" in report(plain)
        change(plain, update(book).where(book.c.room == "hall").values(forced=7))
        assert "hall: 7 people were counted in, but the acts say 3" in wrongs(plain)

    def test_what_is_left_to_look_at_is_listed(self, plain: Server) -> None:
        day(plain)
        plain.store.write(
            lambda c: acts.ask(
                c, "capacity", {"room": "hall", "limit": 50}, Actor("supervisor", Role.SUPERVISOR), "smoke", plain.now
            )
        )
        plain.now += 5 * MINUTE
        told = notes(plain)
        assert "A steward forced an entry: 1 open" in told
        assert "(capacity, hall) of supervisor waits to be confirmed" in told
        assert "k-hall-a was last heard at" in told

    def test_a_restore_is_told_with_its_time(self, plain: Server) -> None:
        doors = day(plain)
        plain.now += MINUTE
        plain.take(msgspec.structs.replace(doors["hall-a"].letter(), era=4))
        told = notes(plain)
        assert "the database was put back; noticed at" in told
        assert "not heard since the database was put back: k-club-door" in told
        assert wrongs(plain) == ""


class TestTheChain:
    def test_a_passage_that_was_deleted_is_missed_by_its_number(self, plain: Server) -> None:
        day(plain)
        change(plain, delete(passage).where(of("hall-a", 4)))
        assert "k-hall-a, store 1: no. 4 is not in the log" in wrongs(plain)

    def test_the_last_passage_deleted_is_missed_too(self, plain: Server) -> None:
        day(plain)
        change(plain, delete(passage).where(of("hall-a", 12)))
        assert "k-hall-a, store 1: no. 12 is not in the log" in wrongs(plain)

    def test_a_passage_that_was_moved_among_the_unreadable_is_missed(self, plain: Server) -> None:
        day(plain)
        row = next(one for one in plain.rows(passage) if (one["device"], one["seq"]) == ("k-hall-a", 4))
        names = ("device", "incarnation", "seq", "raw", "hash", "received")
        kept = {name: row[name] for name in names} | {"why": "not a passage: nothing to see here"}
        change(plain, delete(passage).where(of("hall-a", 4)), insert(quarantine).values(**kept))
        assert "k-hall-a, store 1: no. 4 is not in the log" in wrongs(plain)

    def test_a_changed_byte_is_named_once(self, plain: Server) -> None:
        day(plain)
        row = next(one for one in plain.rows(passage) if (one["device"], one["seq"]) == ("k-hall-a", 4))
        other = encode(msgspec.structs.replace(decode(bytes(row["raw"])), flags=("changed",)))  # type: ignore[call-overload]
        change(plain, update(passage).where(of("hall-a", 4)).values(raw=other, flags="changed"))
        found = wrongs(plain)
        assert f"passage {row['id']} (k-hall-a, store 1, no. 4): its hash does not follow" in found
        assert found.count("\n") == 0

    def test_a_swapped_hash_is_named_once(self, plain: Server) -> None:
        day(plain)
        change(plain, update(passage).where(of("hall-a", 4)).values(hash=b"\1" * 32))
        found = wrongs(plain)
        assert "no. 4): its hash does not follow" in found
        assert found.count("\n") == 0

    def test_another_head_than_the_log_leads_to_is_found(self, plain: Server) -> None:
        day(plain)
        change(plain, update(incarnation).where(incarnation.c.device == "k-hall-a").values(head=b"\1" * 32))
        assert "k-hall-a, store 1: the chain's hash after no. 12 is not the one that the server holds" in wrongs(plain)

    def test_quarantined_bytes_that_were_changed_break_the_chain(self, plain: Server) -> None:
        day(plain)
        change(plain, update(quarantine).values(raw=b"\xc1 other bytes"))
        assert "k-hall-a, store 1, no. 12): its hash does not follow" in wrongs(plain)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("kind", "refused"),
            ("badge", 5),
            ("room", "club"),
            ("gate", "hall-b"),
            ("session", "panel"),
            ("count", 2),
            ("of", 3),
            ("by", 9),
            ("at", 1_000),
            ("why", "x"),
            ("flags", "soft"),
        ],
    )
    def test_a_changed_column_is_named_with_both_values(self, plain: Server, column: str, value: object) -> None:
        day(plain)
        change(plain, update(passage).where(of("hall-a", 4)).values(**{column: value}))
        found = next(line for line in wrongs(plain).splitlines() if "its columns are not what its bytes say" in line)
        assert "(k-hall-a, store 1, no. 4)" in found
        assert f"{'time' if column == 'at' else column} {value!r}" in found

    def test_passages_of_a_store_that_was_never_registered_are_found(self, plain: Server) -> None:
        day(plain)
        change(plain, update(passage).where(of("club-door", 1)).values(incarnation=7))
        assert "k-club-door, store 7: 1 passage of a store that was never registered" in wrongs(plain)


class TestGaps:
    def test_a_gap_names_what_came_and_what_did_not(self, plain: Server) -> None:
        hall = day(plain)["hall-a"]
        for person in (10, 11, 12):
            enter(plain, hall, person)
        letter = hall.letter()
        plain.take(msgspec.structs.replace(letter, first_seq=15, passages=letter.passages[2:]))
        assert "k-hall-a, store 1: a gap: no. 15 came, no. 13 to 14 before it never did" in wrongs(plain)
        plain.take(letter)
        assert wrongs(plain) == ""

    def test_what_a_closed_store_never_sent_is_lost(self, plain: Server) -> None:
        hall = day(plain)["hall-a"]
        enter(plain, hall, 10)
        plain.take(msgspec.structs.replace(hall.letter(), passages=(), closed=True))
        assert "k-hall-a, store 1: 1 passage never came, and the store has been closed" in wrongs(plain)


class TestForks:
    def test_a_copied_card_names_both_machines_both_branches_and_the_seats_that_were_copied(
        self, plain: Server
    ) -> None:
        card = plain.kiosk("club-door")
        plain.take(msgspec.structs.replace(card.letter(), machine="pi-one"))
        plain.exchange(card)
        enter(plain, card, 1)
        held = card.account.balance
        copy = replace(card, unsent=list(card.unsent))
        for person in (2, 3, 4):
            enter(plain, card, person)
        for person in (5, 6):
            enter(plain, copy, person)
        plain.take(msgspec.structs.replace(card.letter(), machine="pi-one"))
        plain.take(msgspec.structs.replace(copy.letter(), machine="pi-two", boot="other"))
        found = next(line for line in wrongs(plain).splitlines() if "copied card" in line)
        assert "k-club-door, store 1: a copied card, two branches from no. 2 on; machines: pi-one, pi-two." in found
        assert "In the log: 3 passages, 3 entries, boot boot. Kept aside: 2 passages, 2 entries, boot boot." in found
        assert found.endswith(f"beyond them: {held} in club")

    def test_a_chain_with_another_head_is_a_fork_whose_place_is_not_known(self, plain: Server) -> None:
        hall = day(plain)["hall-a"]
        plain.take(msgspec.structs.replace(hall.letter(), head=b"\2" * 32, machine="pi-two"))
        found = wrongs(plain)
        assert "k-hall-a, store 1: a copied card, two branches at no. 12 or before it; machines: pi-two." in found
        assert f"beyond them: {hall.account.granted} in hall" in found


class TestTheCommand:
    def run(self, server: Server, *words: str) -> tuple[int, str]:
        @click.group()
        @click.pass_context
        def main(context: click.Context) -> None:
            context.obj = Config(database=f"sqlite:///{server.store.path}")  # type: ignore[union-attr]

        audit_command.register(main, lambda: server.now)
        result = CliRunner().invoke(main, ["audit", *words])
        return result.exit_code, result.output

    def test_it_ends_well_and_with_the_verdict_in_the_last_line(self, plain: Server) -> None:
        day(plain)
        status, said = self.run(plain)
        assert status == 0
        assert said.splitlines()[-1].startswith("Nothing wrong: 20 passages of 6 kiosks")

    def test_it_ends_with_status_1_and_the_evidence(self, plain: Server, tmp_path: Path) -> None:
        day(plain)
        change(plain, delete(passage).where(of("hall-a", 4)))
        status, said = self.run(plain, "--json", str(tmp_path / "audit.json"))
        assert status == 1
        assert said.splitlines()[-1].startswith("WRONG: ")
        whole = msgspec.json.decode((tmp_path / "audit.json").read_bytes())
        assert whole["verdict"] == "wrong"
        facts = [one["facts"] for check in whole["checks"] for one in check["findings"]]
        assert {"first": 4, "last": 4, "device": "k-hall-a", "incarnation": 1} in facts

    def test_it_prints_twenty_findings_of_a_check_and_counts_the_rest(self, plain: Server, tmp_path: Path) -> None:
        hall = day(plain)["hall-a"]
        for person in (10, 11, 12):
            enter(plain, hall, person)
        plain.exchange(hall)
        change(plain, update(passage).values(why="changed"))
        _, said = self.run(plain, "--json", str(tmp_path / "audit.json"))
        assert said.count("its columns are not what its bytes say") == 21  # 20, and the verdict repeats the first
        assert "and 3 more" in said
        assert (tmp_path / "audit.json").read_text().count("its columns are not what its bytes say") == 24

    def test_it_sees_one_moment_while_the_server_writes_on(self, plain: Server) -> None:
        hall = day(plain)["hall-a"]
        with plain.store.read() as connection:
            before = audit.run(connection, plain.now)
            enter(plain, hall, 10)
            plain.exchange(hall)
            assert len(connection.execute(select(passage.c.id)).all()) == before.passages
        assert audited(plain).passages == before.passages + 1
