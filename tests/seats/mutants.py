"""The protocol with one rule broken at a time: each of these must over-fill a room in some history, or lose a passage.

A rule that can be broken unseen is either not needed or not tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from admission import ledger, seats, stays
from admission.ledger import Held, State
from admission.seats import Account
from admission.venue import Exits
from kiosk.standing import Hold
from tests.seats.door import Door
from tests.seats.history import History
from tests.seats.office import Office


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule broken: what is put in the place of what, in which exit modes it must show, and which troubles a
    history needs for that; ``since``: the first seed to try."""

    patches: Mapping[tuple[Any, str], Any]
    modes: tuple[Exits, ...]
    focus: tuple[str, ...] = ()
    since: int = 0
    calm: bool = True


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    """The rule is broken within this block."""
    kept = {key: getattr(*key) for key in mutant.patches}
    for (owner, name), other in mutant.patches.items():
        setattr(owner, name, other)
    try:
        yield
    finally:
        for (owner, name), mine in kept.items():
            setattr(owner, name, mine)


ALL = (Exits.TRUSTED, Exits.MATCHED, Exits.NONE)
NO_MATCH = (Exits.TRUSTED, Exits.NONE)
MATCHED = (Exits.MATCHED,)
TRUSTED = (Exits.TRUSTED,)

_merge, _grant, _recount, _vouch = ledger.merge, ledger.grant, ledger.recount, ledger.vouch
_accept, _let_out, _give_back, _annul = seats.accept, seats.let_out, seats.give_back, seats.annul
_leave, _enter = stays.leave, stays.enter
_office_handle, _spendable, _begin_era = Office.handle, Office.spendable, Office.begin_era
_admit, _new_store, _hear, _letter = Door.admit, History._new_store, Door.hear, Door.letter
_fence = Office.fence
_after = Hold.after


def _leases_expire(office: Office, name: str) -> list[Account]:
    """A kiosk that has been silent is thought to have spent nothing of what it holds."""
    late = {key for key in office.accounts if hash((key, len(office.chains[key[:2]].facts))) % 3 == 0}
    return [
        replace(held.account, returned=held.account.returned + max(0, held.account.balance))
        if key in late
        else held.account
        for key, held in office.accounts.items()
        if key[2] == name
    ]


def _deltas(account: Account, grant: seats.Grant, own_seq: int) -> Account:
    """A grant says how many more, so hearing it twice gives twice."""
    before = _accept(account, grant, own_seq)
    return before if grant.granted == 0 else replace(before, granted=account.granted + min(2, grant.granted))


def _lost_fsync(door: Door, badge: int, at: int, uncertainty: int) -> int:
    """Green is shown, and the power goes before the page is on the disk."""
    card = door.card.copy()
    seq = _admit(door, badge, at, uncertainty)
    if at % 7 == 0:
        door.card = card
    return seq


def _returns_uncommitted(door: Door, most: int) -> Any:
    """The letter says that seats are returned; the power goes before that is on the card."""
    letter = _letter(door, most)
    reports = tuple(
        (room, seats.give_back(account, 1) if room == door.room else account, hold)
        for room, account, hold in letter.reports
    )
    return replace(letter, reports=reports)


def _any_order(stay: stays.Stay, _step: stays.Step) -> bool:
    return stay.closed is None and stay.opened is not None


def _unpaired(loose: Any, step: stays.Step, matched: stays.Matched) -> Any:
    """Every exit brings a seat back, whether or not it ends a stay."""
    change = _leave(loose, step, matched)
    return replace(change, credit=matched(step.room))


def _sometimes(mine: Held, said: Account, hold: int = 0) -> Held:
    """G is merged only if the report says that something was spent."""
    merged = _merge(mine, said, hold)
    if said.entries % 2:
        return merged
    return replace(merged, account=replace(merged.account, granted=mine.account.granted))


def _never_shows(_mine: Account | None, _said: Account, _era: int) -> bool:
    return False


def _no_new_era(_office: Office, _seen: int = 0) -> None:
    """A restore goes unnoticed."""


def _stale_era(account: Account, grant: seats.Grant, own_seq: int) -> Account:
    return _accept(account, replace(grant, era=max(grant.era, account.era)), own_seq)


def _one_may_miss(accounts: Any, hold: int) -> bool:
    """A count raises although one kiosk has not reported."""
    late = [one for one in accounts if one.state is not State.RETIRED and one.hold < hold]
    return len(late) <= 1


def _inherits(history: History, door: Door) -> None:
    """A new store begins with what the old one was granted."""
    kept = dict(door.card.accounts)
    _new_store(history, door)
    door.card.accounts = {room: Account(one.era, one.granted, one.returned) for room, one in kept.items()}


def _twice(account: Account, exits: Exits, bodies: int = 1) -> Account:
    return _let_out(account, exits, 2 * bodies)


def _by_the_kiosk(account: Account, exits: Exits, *, settled: bool) -> Account:
    """A kiosk credits an annulment in a matched room, too."""
    return _annul(account, Exits.NONE, settled=settled)


def _unread(mine: Held, *, closed: bool, have_seq: int, head_seq: int) -> Held:
    return _vouch(mine, closed=True, have_seq=max(have_seq, head_seq), head_seq=head_seq)


def _vouches_unread(history: History) -> None:
    """A supervisor vouches for a dead kiosk without reading its card."""
    for door in history.doors:
        if door.dead and history._single(door):
            history.office.vouch(door.device)


def _fenced_unheard(mine: Held, said: Account, hold: int = 0) -> Held:
    """What a fenced kiosk goes on spending is not heard, and vouched back."""
    return mine if mine.state is State.FENCED else _merge(mine, said, hold)


def _fence_returns(mine: Held) -> Held:
    """Fencing a kiosk that may still run brings its seats back."""
    ours = mine.account
    return Held(replace(ours, returned=ours.returned + max(0, ours.balance)), State.FENCED, mine.hold)


def _annuls_settled(account: Account, exits: Exits, *, settled: bool) -> Account:
    """An entry that a head count has dealt with is annulled once more."""
    return _annul(account, exits, settled=False)


def _deaf_to_holds(self: Hold, number: int, _opened: int, _own_seq: int) -> Hold:
    """A kiosk confirms a hold and goes on admitting."""
    return Hold(max(self.number, number), max(self.number, number), self.settled)


def _late_word_opens(self: Hold, number: int, opened: int, own_seq: int) -> Hold:
    """An answer that was written before a hold ends it."""
    after = _after(self, number, opened, own_seq)
    return after if number else Hold(after.number, after.number, after.settled)


def _over_free(mine: Held, free: int, target: int) -> Held:
    """One seat more than is free."""
    return _grant(mine, free + 1, target)


def _old_copies(account: Account, grant: seats.Grant, own_seq: int) -> Account:
    return _accept(account, replace(grant, have_seq=0), own_seq)


def _hears_anything(door: Door, reply: Any) -> None:
    """A store that is an older copy goes on: what the server knows of it is not looked at."""
    _hear(door, replace(reply, have=min(reply.have, len(door.card.journal))))


def _no_fence(_office: Office, _device: str, _store: int, _chain: Any) -> None:
    """Two cards go on side by side."""


def _no_resend(door: Door, reply: Any) -> None:
    """A kiosk never sends again what was acknowledged, not even to a restored server."""
    before = door.card.acknowledged
    _hear(door, reply)
    door.card.acknowledged = max(before, door.card.acknowledged)


def _grants_while_recovering(_office: Office, _name: str) -> bool:
    return True


def _pairs_annulled(_stay: Any, _at: int, matched: stays.Matched) -> Any:
    """In a matched room an annulment brings its seat back even if an exit has."""
    return stays.Close(_stay, _at, stays.How.ANNULLED, matched(_stay.room)) if _stay is not None else None


MUTANTS: Mapping[str, Mutant] = {
    "expired leases are handed out again": Mutant({(Office, "spendable"): _leases_expire}, ALL),
    "grants are deltas": Mutant({(seats, "accept"): _deltas}, ALL),
    "an fsync is lost": Mutant({(Door, "admit"): _lost_fsync}, ALL),
    "seats are returned before the commit": Mutant({(Door, "letter"): _returns_uncommitted}, ALL),
    "exits pair with later entries": Mutant({(stays, "_open_before"): _any_order}, MATCHED),
    "exits are not paired": Mutant({(stays, "leave"): _unpaired}, MATCHED),
    "no recovery after a restore": Mutant({(Office, "begin_era"): _no_new_era}, ALL, ("restore",)),
    "grants during the recovery": Mutant({(Office, "is_open"): _grants_while_recovering}, ALL, ("restore",)),
    "G is merged only sometimes": Mutant(
        {(ledger, "merge"): _sometimes, (ledger, "shows_restore"): _never_shows}, ALL, ("restore",)
    ),
    "a grant of an earlier era is accepted": Mutant(
        {(seats, "accept"): _stale_era}, MATCHED, ("restore",), since=3_000
    ),
    "a count raises with a kiosk missing": Mutant(
        {(ledger, "may_raise"): _one_may_miss}, TRUSTED, ("counts", "slips"), since=400
    ),
    "a new store inherits the old account": Mutant({(History, "_new_store"): _inherits}, ALL, ("stores",)),
    "an exit is credited twice": Mutant({(seats, "let_out"): _twice}, TRUSTED),
    "a kiosk credits annulments in a matched room": Mutant({(seats, "annul"): _by_the_kiosk}, MATCHED, ("annul",)),
    "an annulment is credited after its exit": Mutant({(stays, "annul"): _pairs_annulled}, MATCHED, ("annul", "rooms")),
    "a vouch without the journal": Mutant(
        {(ledger, "vouch"): _unread, (History, "a_door_is_vouched_for"): _vouches_unread}, ALL, ("deaths",)
    ),
    "what a fenced kiosk spends is not heard": Mutant({(ledger, "merge"): _fenced_unheard}, ALL, ("fence", "deaths")),
    "a fence brings seats back": Mutant({(ledger, "fence"): _fence_returns}, ALL, ("fence",)),
    "an entry is annulled after a count": Mutant(
        {(seats, "annul"): _annuls_settled}, NO_MATCH, ("annul late", "count")
    ),
    "a kiosk admits during a hold": Mutant({(Hold, "after"): _deaf_to_holds}, ALL, ("counts",)),
    "a late answer ends a hold": Mutant({(Hold, "after"): _late_word_opens}, ALL, ("counts",)),
    "one seat more than is free": Mutant({(ledger, "grant"): _over_free}, ALL),
    "an older copy of a store goes on": Mutant(
        {(Door, "hear"): _hears_anything, (Office, "fence_store"): _no_fence}, ALL, calm=False
    ),
    "a fork is not fenced": Mutant({(Office, "fence_store"): _no_fence}, ALL, calm=False),
    "what was acknowledged is never sent again": Mutant({(Door, "hear"): _no_resend}, ALL, ("restore",)),
}
