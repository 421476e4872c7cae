"""What the kiosk holds: kept over a restart, taken whole or not at all, and silent about people when stolen."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from admission import bitmap, record
from admission.badge import Badge, badge_id, issue, token_bytes
from admission.errors import BadMessage
from admission.record import Record
from admission.rules import Listing
from admission.seats import Account
from admission.venue import Direction, Exits, Gate, GateId, Programme, Room, RoomId, Session, SessionId
from admission.wire import BadgeNews, Cursors, GrantTo, Key, Keyring, Listed, PresenceNews, ProgrammeNews
from kiosk.disk import Disk
from kiosk.standing import Standing
from tests.kiosk.conftest import Doors

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HALL, SALON = RoomId("hall"), RoomId("salon")
NAMES = ("Łukasz Żółć", "田中 太郎", "فاطمة الزهراء", "Bob Smith", "Zoë O'Neill-Ngũgĩ")
KEYNOTE = Session(
    SessionId("keynote"), "Keynote", HALL, NOON, NOON + timedelta(hours=1), NOON, NOON, None, 0xFFFF, 0, invited=False
)
PROGRAMME = Programme(
    version=3,
    event="Summit",
    timezone="Asia/Kolkata",
    rooms=(Room(HALL, "The hall", None, 100, 2, Exits.TRUSTED), Room(SALON, "The salon", None, 9, 0, Exits.NONE)),
    gates=(
        Gate(GateId("hall-a"), "Hall A", HALL, None, Direction.IN),
        Gate(GateId("door"), "Salon", SALON, None, Direction.BOTH),
    ),
    sessions=(KEYNOTE,),
)
PUBLIC = KEY.public_key().public_bytes_raw()


def programme_news(gate: str = "hall-a", version: int = 3, public: bytes = PUBLIC) -> ProgrammeNews:
    """The venue, for a kiosk at this gate."""
    programme = msgspec.structs.replace(PROGRAMME, version=version)
    return ProgrammeNews(programme, Keyring(7, NOON, (Key(0, public),)), gate)


def token(serial: int) -> str:
    """The badge with this serial, printed."""
    return issue(Badge(7, 0, badge_id(serial, 0xABCD1234), 1, 0, 0, 0), KEY)


def sealed(serial: int, name: str) -> tuple[bytes, bytes]:
    """The record of the badge's holder."""
    return record.seal(token(serial), Record(name, "en", f"a note on {name}"), os.urandom(12))


def badge_news(upto: int = 5, *, whole: bool = True, **given: object) -> BadgeNews:
    """News of badges; what is not given is empty."""
    empty = bitmap.pack(())
    rest: dict[str, object] = {"highest": 10, "revoked": empty, "replaced": (), "records": (), "lists": ()}
    fields = rest | given
    return BadgeNews(upto=upto, whole=whole, more=False, **fields)  # type: ignore[arg-type]


@dataclass
class Kept:
    """A store that can be opened again."""

    folder: Path
    disk: Disk
    standing: Standing

    def reopen(self) -> Standing:
        """The process ends and starts again."""
        self.disk.close()
        self.disk = Disk(self.folder / "kiosk.db", 2)
        self.standing = Standing(self.disk)
        return self.standing

    def before_and_after_a_restart(self) -> Iterator[Standing]:
        """What is held now, then what is read from the disk again."""
        yield self.standing
        yield self.reopen()

    def raw(self) -> bytes:
        """Every byte of the kiosk's files."""
        return b"".join(file.read_bytes() for file in sorted(self.folder.iterdir()))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A new store."""
    disk = Disk(tmp_path / "kiosk.db", 1)
    one = Kept(tmp_path, disk, Standing(disk))
    yield one
    one.disk.close()


class TestRestart:
    def test_a_new_store_knows_nothing_and_fails_at_nothing(self, kept: Kept) -> None:
        standing = kept.standing
        assert (standing.site, standing.as_of(), standing.cursors) == (None, "", Cursors())
        assert standing.account("hall") == Account()
        assert standing.record_of(token(1)) is None
        assert not standing.revoked(1)
        assert not standing.pictured({1}, "hall", since=0)
        assert standing.listing(KEYNOTE, 1) is Listing.NEWER

    def test_everything_learnt_survives(self, kept: Kept) -> None:
        lists = (Listed("keynote", bitmap.pack([1]), bitmap.pack([2])),)
        news = badge_news(
            revoked=bitmap.pack([4]), replaced=((4, 6),), records=(sealed(1, "Bob"),), lists=lists, highest=8
        )
        kept.standing.learn_programme(programme_news())
        kept.standing.learn_badges(news)
        kept.standing.accept(GrantTo("hall", 2, 40, 40, full=False), 0, 0)
        standing = kept.reopen()
        site = standing.site
        assert site is not None
        assert (site.programme, site.gate.name, site.room.name) == (PROGRAMME, "Hall A", "The hall")
        assert (site.keys.event, site.keys.epoch, site.sessions) == (7, NOON, [KEYNOTE])
        assert site.keys.keys[0].public_bytes_raw() == PUBLIC
        assert standing.cursors == Cursors(programme=3, badges=5)
        assert [standing.revoked(serial) for serial in (4, 6)] == [True, False]
        assert standing.badges_of_holder(6) == {4, 6}
        told = [standing.listing(KEYNOTE, serial) for serial in (1, 2, 3, 9)]
        assert told == [Listing.YES, Listing.NO, Listing.SILENT, Listing.NEWER]
        found = standing.record_of(token(1))
        assert found is not None
        assert found.name == "Bob"
        assert standing.account("hall") == Account(era=2, granted=40)

    def test_presence_is_unknown_after_a_restart_and_is_asked_for_again(self, kept: Kept) -> None:
        kept.standing.learn_presence(PresenceNews(8, "hall", bitmap.pack([3])), 0)
        assert kept.standing.pictured({3}, "hall", since=0)
        assert not kept.standing.pictured({3}, "salon", since=0)
        assert kept.standing.cursors.presence == 8
        kept.standing.learn_badges(badge_news())
        standing = kept.reopen()
        assert not standing.pictured({3}, "hall", since=0)
        assert standing.cursors.presence == 0

    def test_a_kiosk_that_is_moved_forgets_how_new_its_lists_are(self, kept: Kept) -> None:
        kept.standing.learn_programme(programme_news())
        kept.standing.learn_badges(badge_news())
        kept.standing.learn_presence(PresenceNews(8, "hall", bitmap.pack([3])), 0)
        kept.standing.learn_programme(programme_news(version=4))
        assert kept.standing.cursors == Cursors(4, 5, 8)
        kept.standing.learn_programme(programme_news("door", 5))
        assert kept.standing.cursors == Cursors(5, 0, 0)
        standing = kept.reopen()
        assert standing.site is not None
        assert standing.site.room.name == "The salon"
        assert standing.cursors == Cursors(5, 0, 0)

    def test_a_gate_that_is_not_in_the_programme_is_no_site(self, kept: Kept) -> None:
        kept.standing.learn_programme(programme_news("nowhere"))
        assert kept.standing.site is None
        assert kept.reopen().site is None

    def test_how_old_the_lists_are_is_told_in_the_venue_s_time(self, kept: Kept) -> None:
        kept.standing.heard(NOON)
        assert kept.standing.as_of() == ""
        kept.standing.learn_programme(programme_news())
        assert kept.standing.as_of() == "17:30"


class TestNews:
    def test_a_delta_adds_to_the_records_and_a_whole_replaces_them(self, kept: Kept) -> None:
        standing = kept.standing
        standing.learn_badges(badge_news(5, records=(sealed(1, "One"), sealed(2, "Two"))))
        standing.learn_badges(badge_news(6, whole=False, records=(sealed(2, "Zwei"), sealed(3, "Three"))))
        assert [shown(standing, serial) for serial in (1, 2, 3)] == ["One", "Zwei", "Three"]
        standing.learn_badges(badge_news(7, records=(sealed(3, "Drei"),)))
        assert [shown(standing, serial) for serial in (1, 2, 3)] == [None, None, "Drei"]
        assert [shown(kept.reopen(), serial) for serial in (1, 2, 3)] == [None, None, "Drei"]

    def test_lists_and_revocations_are_always_complete(self, kept: Kept) -> None:
        first = (Listed("keynote", bitmap.pack([1]), bitmap.pack(())),)
        kept.standing.learn_badges(badge_news(5, revoked=bitmap.pack([4]), replaced=((4, 6),), lists=first))
        kept.standing.learn_badges(badge_news(6, whole=False, revoked=bitmap.pack([5])))
        for standing in kept.before_and_after_a_restart():
            assert [standing.revoked(serial) for serial in (4, 5)] == [False, True]
            assert standing.listing(KEYNOTE, 1) is Listing.SILENT
            assert standing.badges_of_holder(6) == {6}

    @pytest.mark.parametrize("damaged", [b"", b"rubbish", bitmap.pack(range(999))[:-3]])
    @pytest.mark.parametrize("where", ["revoked", "yes", "no"])
    def test_of_news_with_a_damaged_bitmap_nothing_is_taken(self, kept: Kept, damaged: bytes, where: str) -> None:
        kept.standing.learn_badges(badge_news(5, revoked=bitmap.pack([4]), records=(sealed(1, "One"),)))
        good = bitmap.pack([1])
        yes, no = (damaged if where == "yes" else good), (damaged if where == "no" else good)
        revoked = damaged if where == "revoked" else good
        lists = (Listed("keynote", yes, no),)
        with pytest.raises(BadMessage):
            kept.standing.learn_badges(badge_news(6, revoked=revoked, lists=lists, replaced=((1, 2),)))
        for standing in kept.before_and_after_a_restart():
            assert standing.cursors.badges == 5
            assert [standing.revoked(serial) for serial in (1, 4)] == [False, True]
            assert (shown(standing, 1), standing.badges_of_holder(1)) == ("One", {1})

    def test_a_damaged_picture_of_presence_is_not_taken(self, kept: Kept) -> None:
        kept.standing.learn_presence(PresenceNews(8, "hall", bitmap.pack([3])), 0)
        with pytest.raises(BadMessage):
            kept.standing.learn_presence(PresenceNews(9, "hall", b"rubbish"), 0)
        assert kept.standing.pictured({3}, "hall", since=0)
        assert kept.standing.cursors.presence == 8

    def test_of_a_programme_with_a_damaged_key_nothing_is_taken(self, kept: Kept) -> None:
        kept.standing.learn_programme(programme_news())
        with pytest.raises(BadMessage):
            kept.standing.learn_programme(programme_news(version=4, public=bytes(31)))
        for standing in kept.before_and_after_a_restart():
            assert standing.cursors.programme == 3
            assert standing.site is not None


def shown(standing: Standing, serial: int) -> str | None:
    """The name that is shown for this badge."""
    found = standing.record_of(token(serial))
    return None if found is None else found.name


@pytest.mark.parametrize("serial", [1, 4, 9])
def test_all_badges_of_a_holder_are_found_from_any_of_them(kept: Kept, serial: int) -> None:
    kept.standing.learn_badges(badge_news(replaced=((1, 4), (4, 9), (2, 3))))
    assert kept.standing.badges_of_holder(serial) == {1, 4, 9}
    assert kept.reopen().badges_of_holder(serial) == {1, 4, 9}


def test_reprints_that_go_round_in_circles_do_not_hang_the_door(kept: Kept) -> None:
    kept.standing.learn_badges(badge_news(replaced=((1, 4), (4, 1))))
    assert kept.standing.badges_of_holder(1) == {1, 4}


class TestStolen:
    def test_a_record_opens_only_with_its_own_badge(self, kept: Kept) -> None:
        (lookup, box), (other, _) = sealed(1, "One"), sealed(2, "Two")
        kept.standing.learn_badges(badge_news(records=((lookup, box), (other, box))))
        assert shown(kept.standing, 1) == "One"
        assert kept.standing.record_of(token(2)) is None
        assert kept.standing.record_of(token(3)) is None

    def test_no_name_and_no_token_can_be_read_in_the_files(self, kept: Kept) -> None:
        records = tuple(sealed(serial, name) for serial, name in enumerate(NAMES, 1))
        kept.standing.learn_programme(programme_news())
        kept.standing.learn_badges(badge_news(records=records))
        assert [shown(kept.standing, serial) for serial in range(1, 6)] == list(NAMES)
        open_files = kept.raw()
        kept.reopen()
        assert_silent(open_files + kept.raw(), NAMES, [token(serial) for serial in range(1, 6)])

    def test_a_kiosk_that_has_worked_at_a_door_names_nobody(self, door: Doors) -> None:
        kiosk = door("hall-a")
        assert [kiosk.show(f"p{number}") for number in (1, 2, 3)] == ["welcome", "welcome", "not_listed"]
        assert next(shown.name for shown in kiosk.face.shown if shown.state == "welcome") == "Person 1"
        raw = b"".join(file.read_bytes() for file in kiosk.folder.iterdir())
        assert b"Keynote" in raw
        people = [f"{what} {number}" for number in range(1, 7) for what in ("Person", "Org", "Land")]
        assert_silent(raw, people, list(kiosk.world.tokens.values()))


def assert_silent(raw: bytes, names: tuple[str, ...] | list[str], tokens: list[str]) -> None:
    """Neither a name nor a token, in any of the forms in which one might slip in."""
    assert len(raw) > 10_000
    for name in names:
        for form in (name.encode(), name.encode("utf-16-le"), msgspec.json.encode(name)[1:-1]):
            assert form not in raw, name
    for text in tokens:
        secret = token_bytes(text)
        signature = secret[-64:]
        forms = (text.encode(), secret, signature, signature.hex().encode(), base64.b64encode(secret))
        assert not any(form in raw for form in forms), text


class TestForgetting:
    def test_a_record_that_the_server_tells_to_forget_is_gone_from_the_disk_and_others_stay(self, kept: Kept) -> None:
        lookup, box = sealed(1, "Bob")
        kept.standing.learn_badges(badge_news(records=((lookup, box), sealed(2, "Ann"))))
        kept.standing.learn_badges(badge_news(whole=False, records=((lookup, b""),)))
        for standing in kept.before_and_after_a_restart():
            assert standing.record_of(token(1)) is None
            assert standing.record_of(token(2)) is not None
        kept.disk.close()
        database = (kept.folder / "kiosk.db").read_bytes()
        assert lookup not in database
        assert box[12:] not in database
