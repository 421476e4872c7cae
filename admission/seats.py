"""The seat accounts, as a kiosk keeps them: K1 to K6 of docs/protocol.md, section 8.

Escrow (O'Neil, TODS 11(4), 1986) as bounded counters (Balegas et al., SRDS 2015). All counters are cumulative and
never go down, so every message is idempotent and merging is ``max``. The server's side is :mod:`admission.ledger`.

Promise of both sides together: bodies inside a room <= the largest capacity under which the seats still out were
granted + forced entries, whatever the network, the disks and the backups do. It rests on no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from admission.venue import Exits


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


def let_out(account: Account, exits: Exits, bodies: int = 1) -> Account:
    """K2: in a trusted room each body that leaves brings its seat back to the kiosk at whose gate it left.

    To be called once a stay as far as this kiosk knows: not for a badge whose last passage here is an exit.
    """
    return replace(account, exits=account.exits + bodies) if exits is Exits.TRUSTED else account


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


def force(account: Account, bodies: int = 1) -> Account:
    """K5: a steward lets somebody in without a seat. Needs no balance and never touches it."""
    return replace(account, forced=account.forced + bodies)


def annul(account: Account, exits: Exits, *, settled: bool) -> Account:
    """K6: the seat of an entry that did not happen, once an entry. In a matched room it is the server that knows
    whether an exit has brought it back already; ``settled``: a head count came after the entry, and found nobody."""
    return account if settled or exits is Exits.MATCHED else replace(account, exits=account.exits + 1)
