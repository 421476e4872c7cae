"""What this kiosk holds and decides from: programme, keys, lists, revocations, sealed records, seats.

The network only refreshes it; a decision never waits for more than it holds. Everything is on the disk before it is
used, so that the first scan after a restart without a network is decided like any other.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from admission import bitmap, record, seats
from admission.record import Record
from admission.rules import Listing
from admission.seats import Account
from admission.venue import Direction, Session
from admission.wire import BadgeNews, Cursors, GrantTo, Listed, PresenceNews, ProgrammeNews
from kiosk.disk import Disk
from kiosk.site import Site, site_of

EXIT_ONLY = "exit only"
"""The fact that a steward has turned this gate into a way out."""


class Hold(msgspec.Struct, frozen=True):
    """``number``: the newest hold of entries heard of; ``opened``: the newest that has ended; ``settled``: entries up
    to this passage were dealt with by a head count, and annulling them brings no seat back. Numbers only grow, so that
    a late answer neither ends a hold nor brings one back."""

    number: int = 0
    opened: int = 0
    settled: int = 0

    @property
    def held(self) -> bool:
        """Whether nobody is let in."""
        return self.number > self.opened

    def after(self, number: int, opened: int, own_seq: int) -> Hold:
        """After the server has said that hold ``number`` is on (0: none is), and which has ended last."""
        settled = own_seq if number > self.number else self.settled
        return Hold(max(number, self.number), max(opened, self.opened), settled)


class _Lists(msgspec.Struct):
    """The badge news without the records, as kept."""

    highest: int
    revoked: bytes
    lists: tuple[Listed, ...]


class Standing:
    """Reads everything once at the start; every change goes to the disk first."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.site: Site | None = None
        self._home: Site | None = None
        self.words: dict[str, GrantTo] = {}
        self._elsewhere: dict[str, str] = {}
        self._holds: dict[str, Hold] = {}
        self._accounts = _read_accounts(disk)
        self._replaced: dict[int, int] = {}
        self._highest = 0
        self._revoked = b""
        self._lists: dict[str, tuple[bytes, bytes]] = {}
        self._inside: tuple[str, bytes] = ("", b"")
        self._pictured_seq = 0
        self._heard: datetime | None = None
        self.cursors = Cursors()
        self._load()

    @property
    def exit_only(self) -> bool:
        """Whether a steward has turned this gate, which leads in, into a way out."""
        return self._home is not None and self._home is not self.site

    def turn(self, *, out: bool) -> None:
        """Turns the gate into a way out until it is turned back, also after a restart. Raises DiskError."""
        with self._disk.held:
            home = self._home
            turned = home.gate.id if out and home is not None else ""
            with self._disk.transaction():
                self._disk.set_fact(EXIT_ONLY, turned)
            self._settle(home, turned)

    def _settle(self, site: Site | None, turned: str) -> None:
        """``site``: as the programme has it; ``turned``: the gate that is a way out. Another than that one is not."""
        as_it_is = site
        if site is not None and site.gate.direction is not Direction.OUT and turned == site.gate.id:
            as_it_is = site.as_way_out()
        self._home, self.site = site, as_it_is

    def learn_programme(self, news: ProgrammeNews) -> None:
        """Takes a new programme, and the gate that this kiosk stands at. Raises BadMessage for a key that is none,
        and then nothing was taken."""
        site = site_of(news)
        moved = self.site is not None and self.site.gate.id != news.gate
        held = Cursors() if moved else self.cursors
        cursors = Cursors(news.programme.version, held.badges, held.presence)
        with self._disk.held:
            turned = self._disk.fact(EXIT_ONLY) or ""
            with self._disk.transaction():
                self._disk.set_fact("programme", msgspec.json.encode(news).decode())
                self._keep(cursors)
            self.cursors = cursors
            self._settle(site, turned)

    def learn_badges(self, news: BadgeNews) -> None:
        """Takes changes to badges. Raises BadMessage for damaged bitmaps, and then nothing was taken."""
        lists = _Lists(news.highest, news.revoked, news.lists)
        unpacked = _unpack(lists)
        cursors = Cursors(self.cursors.programme, news.upto, self.cursors.presence)
        with self._disk.transaction() as connection:
            if news.whole:
                connection.execute("DELETE FROM record")
            gone = [(lookup,) for lookup, box in news.records if not box]
            connection.executemany("DELETE FROM record WHERE lookup = ?", gone)
            kept = [one for one in news.records if one[1]]
            connection.executemany("INSERT OR REPLACE INTO record (lookup, box) VALUES (?, ?)", kept)
            connection.execute("DELETE FROM replaced")
            connection.executemany("INSERT INTO replaced (old, new) VALUES (?, ?)", news.replaced)
            self._disk.set_fact("lists", msgspec.json.encode(lists).decode())
            self._keep(cursors)
        self.cursors = cursors
        self._replaced = dict(news.replaced)
        self._highest, self._revoked, self._lists = unpacked

    def learn_presence(self, news: PresenceNews, have_seq: int) -> None:
        """Takes the picture of who is inside. Not worth a write: without it presence is merely unknown."""
        self._inside = (news.room, bitmap.unpack(news.inside))
        self._pictured_seq = have_seq
        self.cursors = Cursors(self.cursors.programme, self.cursors.badges, news.version)

    def as_of(self) -> str:
        """The venue's time (HH:MM) at which the lists were last known to be new; "" if never."""
        if self._heard is None or self.site is None:
            return ""
        return f"{self._heard.astimezone(self.site.zone):%H:%M}"

    def heard(self, server_now: datetime) -> None:
        """All that is held was as new as the server's at this instant."""
        self._heard = server_now

    def account(self, room: str) -> Account:
        """The account in the room; an empty one before the first grant."""
        return self._accounts.get(room, Account())

    @property
    def rooms_held(self) -> set[str]:
        """The rooms in which this kiosk has an account; more than one if it was moved."""
        return set(self._accounts)

    def adopt(self, room: str, account: Account) -> None:
        """Takes over an account that was just written by the journal."""
        self._accounts[room] = account

    def hold(self, room: str) -> Hold:
        """Whether entries are held, and the passages that a head count has settled."""
        return self._holds.get(room, Hold())

    def accept(self, grant: GrantTo, have_seq: int, own_seq: int) -> None:
        """K4, and K3 for what exceeds the target or is recalled. Raises RolledBack if this store is an older copy."""
        with self._disk.held:
            self._accept(grant, have_seq, own_seq)

    def _accept(self, grant: GrantTo, have_seq: int, own_seq: int) -> None:
        held = self.account(grant.room)
        account = seats.accept(held, seats.Grant(grant.era, grant.granted, have_seq), own_seq)
        if grant.era == account.era:
            account = seats.give_back(account, grant.recall - account.returned)
        if grant.era == account.era and seats.is_excess(account.balance, grant.target):
            account = seats.give_back(account, account.balance - grant.target)
        before = self.hold(grant.room)
        hold = before.after(grant.hold, grant.opened, own_seq) if grant.era == account.era else before
        if account != held or hold != before:
            with self._disk.transaction() as connection:
                save_account(connection, grant.room, account)
                self._disk.set_fact("holds", msgspec.json.encode(self._holds | {grant.room: hold}).decode())
            self._accounts[grant.room] = account
            self._holds[grant.room] = hold
        if grant.era == account.era:  # an old word by courier is no news
            self.words[grant.room] = grant
            self._elsewhere[grant.room] = grant.elsewhere or self._elsewhere.get(grant.room, "")

    def elsewhere(self, site: Site, *, link_up: bool) -> str:
        """The name of another gate of the site's room that has seats, as far as is known; "" if none is. While the
        server is away the last gate that it named stands: it may have seats still."""
        word = self.words.get(site.room.id)
        named = (word.elsewhere if word is not None else "") if link_up else self._elsewhere.get(site.room.id, "")
        gate = site.programme.gate(named) if named != site.gate.id else None
        return gate.name if gate is not None else ""

    def revoked(self, serial: int) -> bool:
        """Whether the badge is on the list of revoked ones that is held."""
        return bitmap.holds(self._revoked, serial)

    def listing(self, session: Session, serial: int) -> Listing:
        """What the session's list says of the badge."""
        yes, no = self._lists.get(session.id, (b"", b""))
        if bitmap.holds(no, serial):
            return Listing.NO
        if bitmap.holds(yes, serial):
            return Listing.YES
        return Listing.NEWER if serial > self._highest else Listing.SILENT

    def pictured(self, serials: set[int], room: str, since: int) -> bool | None:
        """Whether the server's last picture has the person inside; None if it is older than passage ``since``."""
        if self._inside[0] != room or self._pictured_seq < since:
            return None
        return any(bitmap.holds(self._inside[1], serial) for serial in serials)

    def is_newer(self, serial: int) -> bool:
        """Whether the badge is newer than the lists that are held."""
        return serial > self._highest

    def replacement(self, serial: int) -> int:
        """The badge that was printed in place of this one; 0 if none is known."""
        return self._replaced.get(serial, 0)

    def badges_of_holder(self, serial: int) -> set[int]:
        """All badges that the holder of this one is known to have had, this one included."""
        if not self._replaced:
            return {serial}
        found = {serial}
        while fresh := {
            one for pair in self._replaced.items() if not found.isdisjoint(pair) for one in pair if one not in found
        }:
            found |= fresh
        return found

    def record_of(self, token: str) -> Record | None:
        """What may be shown of the person; opened with the badge in the visitor's hand."""
        with self._disk.reading() as connection:
            row = connection.execute("SELECT box FROM record WHERE lookup = ?", (record.lookup(token),)).fetchone()
        return None if row is None else record.unseal(token, bytes(row[0]))

    def _keep(self, cursors: Cursors) -> None:
        self._disk.set_fact("cursors", msgspec.json.encode(Cursors(cursors.programme, cursors.badges)).decode())

    def _load(self) -> None:
        programme, lists, cursors = (self._disk.fact(name) for name in ("programme", "lists", "cursors"))
        holds = self._disk.fact("holds")
        if holds:
            self._holds = msgspec.json.decode(holds, type=dict[str, Hold])
        if cursors:
            self.cursors = msgspec.json.decode(cursors, type=Cursors)
        if programme:
            self._settle(site_of(msgspec.json.decode(programme, type=ProgrammeNews)), self._disk.fact(EXIT_ONLY) or "")
        if lists:
            self._highest, self._revoked, self._lists = _unpack(msgspec.json.decode(lists, type=_Lists))
        with self._disk.reading() as connection:
            self._replaced = dict(connection.execute("SELECT old, new FROM replaced").fetchall())


def save_account(connection: sqlite3.Connection, room: str, account: Account) -> None:
    """Writes the room's account; within a transaction of the disk."""
    values = (account.era, account.granted, account.returned, account.entries, account.exits, account.forced)
    connection.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?)", (room, *values))


def _read_accounts(disk: Disk) -> dict[str, Account]:
    with disk.reading() as connection:
        return {row[0]: Account(*row[1:]) for row in connection.execute("SELECT * FROM account")}


def _unpack(lists: _Lists) -> tuple[int, bytes, dict[str, tuple[bytes, bytes]]]:
    pairs = {one.session: (bitmap.unpack(one.yes), bitmap.unpack(one.no)) for one in lists.lists}
    return lists.highest, bitmap.unpack(lists.revoked), pairs
