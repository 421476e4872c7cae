"""The seat accounts: what a kiosk may spend and what the server may hand out (docs/protocol.md, section 8).

Escrow (O'Neil, TODS 11(4), 1986) as bounded counters (Balegas et al., SRDS 2015). All counters are cumulative and
never go down, so every message is idempotent and merging is ``max``. K1..K4, S1, S2 are its steps there.

Promise: bodies inside a room <= the capacity under which its seats were granted + forced entries, whatever the
network does. It rests on no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Account:
    """The counters of one (kiosk, incarnation) in one room; the kiosk and the server each hold a copy."""

    era: int = 0
    granted: int = 0
    returned: int = 0
    entries: int = 0
    exits: int = 0
    forced: int = 0

    @property
    def balance(self) -> int:
        """The seats that the kiosk may still spend; never below 0."""
        return self.granted - self.returned - self.entries + self.exits


@dataclass(frozen=True, slots=True)
class RoomBook:
    """The server's side of a room that is not a kiosk's: capacity C, recount A, stays closed by the server D."""

    capacity: int
    recount: int = 0
    closed: int = 0

    def free(self, accounts: Iterable[Account]) -> int:
        """C + A - SUM(G - R) + D - SUM(V): the seats that may still be granted; below 0 after C was lowered."""
        return self.after(*self.totals(accounts))

    def after(self, held: int, forced: int) -> int:
        """``free`` from the two sums SUM(G - R) and SUM(V) over all accounts of the room."""
        return self.capacity + self.recount - held + self.closed - forced

    @staticmethod
    def totals(accounts: Iterable[Account]) -> tuple[int, int]:
        """SUM(G - R) and SUM(V)."""
        held = forced = 0
        for one in accounts:
            held += one.granted - one.returned
            forced += one.forced
        return held, forced


@dataclass(frozen=True, slots=True)
class Grant:
    """The server's word to one incarnation of one kiosk: the total it was ever granted in this room."""

    era: int
    granted: int
    have_seq: int


class RolledBack(Exception):
    """The server acknowledged passages that this kiosk does not hold: its store is an older copy (K4)."""


def spend(account: Account) -> Account:
    """K1: one seat for one entry. Fails loudly if there is none: the rules must have been asked first."""
    if account.balance < 1:
        raise ValueError("no seat to spend")
    return replace(account, entries=account.entries + 1)


def credit_exit(account: Account) -> Account:
    """K2 in a trusted room: the seat comes back to the kiosk at whose gate the body left."""
    return replace(account, exits=account.exits + 1)


def is_excess(balance: int, target: int) -> bool:
    """Whether a kiosk that should hold ``target`` seats holds so many more that it gives the rest back."""
    return balance > (target * 5 // 4 + 1 if target else 0)


def give_back(account: Account, seats: int) -> Account:
    """K3: to be committed before a report that says so leaves the kiosk. Gives back no more than is held."""
    return replace(account, returned=account.returned + max(0, min(seats, account.balance)))


def accept(account: Account, grant: Grant, own_seq: int) -> Account:
    """K4: the account after a grant addressed to this incarnation. A grant of an earlier era changes nothing.

    Raises RolledBack if the server knows passages that this store does not hold.
    """
    if grant.era < account.era:
        return account
    if grant.have_seq > own_seq:
        raise RolledBack(f"the server holds {grant.have_seq} passages of this store, the store itself {own_seq}")
    return replace(account, era=grant.era, granted=max(account.granted, grant.granted))


def merge(mine: Account, theirs: Account) -> Account:
    """S1, first half: the larger of every counter, G too, always. The era stays the server's."""
    return Account(
        mine.era,
        max(mine.granted, theirs.granted),
        max(mine.returned, theirs.returned),
        max(mine.entries, theirs.entries),
        max(mine.exits, theirs.exits),
        max(mine.forced, theirs.forced),
    )


def grant(account: Account, free: int, target: int) -> Account:
    """S1, second half: fill the account up to ``target`` seats as far as ``free`` reaches."""
    seats = max(0, min(free, target - account.balance))
    return replace(account, granted=account.granted + seats)
