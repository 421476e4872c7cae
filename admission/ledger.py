"""The seat accounts, as the server keeps them: S1 to S6 of docs/protocol.md, section 8, but for pairing (stays.py).

Pure functions over frozen values: what a report changes, what may be granted, what a vouch or a head count brings
back, how a restored database is known. How many seats a kiosk *should* hold is policy and is decided elsewhere; no
promise rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from admission.seats import Account
from admission.venue import Exits


class State(StrEnum):
    """What an account can still do. FENCED: it gets nothing more, but its kiosk may still run and spend what it
    holds. RETIRED: its kiosk is off and in hand, or its store is gone; nobody spends from it any more."""

    LIVE = "live"
    FENCED = "fenced"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Held:
    """The server's copy of an account; ``hold``: the newest hold that the kiosk has said to keep (0: none)."""

    account: Account
    state: State = State.LIVE
    hold: int = 0


@dataclass(frozen=True, slots=True)
class RoomBook:
    """The server's side of a room that is not a kiosk's: capacity C, recount A, stays closed by the server D, and
    the unbadged bodies that were counted in at the console."""

    capacity: int
    recount: int = 0
    closed: int = 0
    forced: int = 0

    def free(self, accounts: Iterable[Account]) -> int:
        """C + A - SUM(G - R) + D - SUM(V): the seats that may still be granted; below 0 after C was lowered."""
        held = forced = 0
        for one in accounts:
            held += one.granted - one.returned
            forced += one.forced
        return self.after(held, forced)

    def after(self, held: int, forced: int) -> int:
        """``free`` from the two sums SUM(G - R) and SUM(V) over all accounts of the room."""
        return self.capacity + self.recount - held + self.closed - forced - self.forced


class JournalUnread(Exception):
    """A vouch for a kiosk whose journal has not been read to its end: what it spent since is not known (S4)."""


def merge(mine: Held, said: Account, hold: int = 0) -> Held:
    """S1, first half: the larger of every counter, G too, always. The era stays the server's.

    A fenced account returns nothing, so its R stands still; what it has spent goes on being heard, for a later vouch
    must not bring that back. Of a retired one only V moves, for that is evidence, and G, which only ever makes less
    free: a restored server may have to learn it.
    """
    ours = mine.account
    heard = replace(ours, granted=max(ours.granted, said.granted), forced=max(ours.forced, said.forced))
    if mine.state is State.RETIRED:
        return replace(mine, account=heard)
    spent = replace(heard, entries=max(ours.entries, said.entries), exits=max(ours.exits, said.exits))
    if mine.state is State.FENCED:
        return replace(mine, account=spent)
    return Held(replace(spent, returned=max(ours.returned, said.returned)), mine.state, max(mine.hold, hold))


def is_absurd(said: Account, exits: Exits, known: int = 0) -> bool:
    """Whether no kiosk that keeps the rules can have said this: none spends or returns what it does not hold, and
    only in a trusted room do more seats come back than entries were annulled. ``known``: the exits credited before,
    perhaps when the room's exits were of another kind."""
    most = {Exits.TRUSTED: said.exits, Exits.MATCHED: 0, Exits.NONE: said.entries + said.forced}[exits]
    return said.balance < 0 or said.exits > max(known, most)


def grant(mine: Held, free: int, target: int) -> Held:
    """S1, second half: fills a live account up to ``target`` seats as far as ``free`` reaches.

    Only if its era is the server's, nobody is recovering, and no head count is going on in the room.
    """
    if mine.state is not State.LIVE:
        return mine
    seats = max(0, min(free, target - mine.account.balance))
    return replace(mine, account=replace(mine.account, granted=mine.account.granted + seats)) if seats else mine


def shows_restore(mine: Account | None, said: Account, era: int) -> bool:
    """S3: whether a signed report knows more than this database ever granted: the database is an older copy.

    A report of an earlier era is expected to: it is what the recovery waits for.
    """
    return said.era > era or (said.era == era and said.granted > (mine.granted if mine is not None else 0))


def after_restore(book: RoomBook) -> RoomBook:
    """S3: a restore voids what a head count had raised; a supervisor confirms the rest."""
    return replace(book, recount=min(book.recount, 0))


def fence(mine: Held) -> Held:
    """No more grants. Returns nothing: the kiosk may still run."""
    return replace(mine, state=State.FENCED) if mine.state is State.LIVE else mine


def vouch(mine: Held, *, closed: bool, have_seq: int, head_seq: int) -> Held:
    """S4: a supervisor has the kiosk off and in hand. What its journal, read to the last passage, proves unspent is
    returned. ``closed``: the kiosk has signed that this store ends. Raises JournalUnread."""
    if not closed or have_seq < head_seq:
        raise JournalUnread(f"read up to passage {have_seq} of {head_seq}, {'closed' if closed else 'not closed'}")
    ours = mine.account
    unspent = max(0, ours.balance) if mine.state is not State.RETIRED else 0
    return replace(mine, account=replace(ours, returned=ours.returned + unspent), state=State.RETIRED)


def may_raise(accounts: Iterable[Held], hold: int) -> bool:
    """S6: whether every account that can still spend has reported under this hold, so that nothing is under way."""
    return all(one.state is State.RETIRED or (one.state is State.LIVE and one.hold >= hold) for one in accounts)


def recount(book: RoomBook, accounts: Iterable[Held], heads: int, hold: int) -> RoomBook:
    """S6: A becomes what makes free = C - seats held by kiosks that can spend - heads.

    It may lower ``free`` at once; it raises it only if ``may_raise``. Stays from before it earn no later D (stays.py).
    """
    known = list(accounts)
    now = book.free(one.account for one in known)
    spendable = sum(max(0, one.account.balance) for one in known if one.state is not State.RETIRED)
    found = book.capacity - spendable - heads
    free = found if may_raise(known, hold) else min(found, now)
    return replace(book, recount=book.recount + free - now)
