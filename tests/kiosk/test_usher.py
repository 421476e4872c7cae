"""What the door says to whom: in the visitor's language, with the name only if the event allows it, and where to go."""

from __future__ import annotations

import msgspec
import pytest

from admission import record
from admission.errors import DiskError
from admission.record import Record
from admission.rules import Why
from admission.wire import ProgrammeNews
from kiosk.usher import Guest, Usher
from tests.kiosk.conftest import Doors, Kiosk


def speak(kiosk: Kiosk, who: str, language: str) -> None:
    """The person's sealed record says this language."""
    token = kiosk.world.tokens[who]
    row = record.seal(token, Record(f"Person {who[1:]}", language), bytes(record.NONCE))
    with kiosk.disk.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO record (lookup, box) VALUES (?, ?)", row)


def change(kiosk: Kiosk, **facts: object) -> None:
    """The programme, or with ``room`` the kiosk's own room, changes."""
    kept = kiosk.disk.fact("programme")
    assert kept is not None
    news = msgspec.json.decode(kept, type=ProgrammeNews)
    overflow = facts.pop("overflow", None)
    site = kiosk.standing.site
    assert site is not None
    rooms = tuple(
        msgspec.structs.replace(room, overflow=overflow) if room.id == site.room.id else room
        for room in news.programme.rooms
    )
    programme = msgspec.structs.replace(news.programme, rooms=rooms, **facts)
    kiosk.standing.learn_programme(msgspec.structs.replace(news, programme=programme))


class TestLanguage:
    def test_every_answer_to_a_visitor_is_in_their_language_from_the_first_moment_on(self, door: Doors) -> None:
        kiosk = door("hall-a")
        for who in ("p1", "p3"):
            speak(kiosk, who, "ar")
        kiosk.show("p1")
        kiosk.show("p1", later_ms=3_000)
        kiosk.show("p3")
        said = [(shown.key, shown.speaks) for shown in kiosk.face.shown]
        assert said == [
            ("reading", "ar"),
            ("welcome", "ar"),
            ("counted", "ar"),
            ("reading", "ar"),
            ("not_listed", "ar"),
        ]

    def test_the_next_visitor_is_not_spoken_to_in_the_language_of_the_last(self, door: Doors) -> None:
        kiosk = door("hall-a")
        speak(kiosk, "p1", "ar")
        speak(kiosk, "p2", "")
        kiosk.show("p1")
        kiosk.show("p2")
        kiosk.show("no badge")
        assert [shown.speaks for shown in kiosk.face.shown] == ["ar", "ar", "", "", ""]

    def test_a_record_that_cannot_be_read_takes_nothing_else_away(
        self, door: Doors, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kiosk = door("hall-a")

        def fail(_: str) -> None:
            raise DiskError("the disk cannot be read")

        monkeypatch.setattr(kiosk.standing, "record_of", fail)
        assert kiosk.show("p1") == "welcome"
        assert kiosk.face.shown[-1].name == ""
        kiosk.gate.step(kiosk.frame)
        assert kiosk.face.status.trouble == "the disk cannot be read"


class TestName:
    def test_it_is_shown_only_if_the_event_allows_it_and_the_language_all_the_same(self, door: Doors) -> None:
        kiosk = door("hall-a")
        speak(kiosk, "p1", "hi")
        kiosk.show("p1")
        assert (kiosk.face.shown[-1].name, kiosk.face.shown[-1].speaks) == ("Person 1", "hi")
        speak(kiosk, "p4", "hi")
        change(kiosk, show_names=False)
        assert kiosk.show("p4") == "welcome"
        assert (kiosk.face.shown[-1].name, kiosk.face.shown[-1].speaks) == ("", "hi")

    def test_no_refusal_and_no_badge_counted_already_has_a_name_though_the_event_shows_names(self, door: Doors) -> None:
        kiosk = door("hall-a")
        site = kiosk.standing.site
        assert site is not None
        usher = Usher(kiosk.standing, kiosk.line)
        assert usher.know(kiosk.world.tokens["p1"], site) == Guest("Person 1", "en")
        guest = usher.know(kiosk.world.tokens["p3"], site)
        assert guest.name == "Person 3"
        told = [usher.counted(guest, "14:05:00"), *(usher.refused(why, site, guest) for why in Why)]
        assert not any("Person" in repr(shown) for shown in told)


class TestWhereToGo:
    def test_whoever_finds_a_room_full_is_sent_to_its_overflow_room_by_its_name(self, door: Doors) -> None:
        kiosk = door("hall-a")
        site = kiosk.standing.site
        assert site is not None
        usher, nobody = Usher(kiosk.standing, kiosk.line), Usher(kiosk.standing, kiosk.line).know("", site)
        plain = usher.refused(Why.FULL, site, nobody)
        assert (plain.key, plain.detail, plain.about) == ("full", "The hall", "")
        change(kiosk, overflow="salon")
        assert kiosk.standing.site is not None
        sent = usher.refused(Why.FULL, kiosk.standing.site, nobody)
        assert (sent.key, sent.detail, sent.about) == ("full", "The salon", "overflow")

    def test_an_overflow_room_that_the_programme_does_not_know_is_not_named(self, door: Doors) -> None:
        kiosk = door("hall-a")
        change(kiosk, overflow="gone")
        site = kiosk.standing.site
        assert site is not None
        usher = Usher(kiosk.standing, kiosk.line)
        assert usher.refused(Why.FULL, site, usher.know("", site)).detail == "The hall"
