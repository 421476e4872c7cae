"""Fences kiosks and closes their accounts: what can be spent from them, and what comes back (S4).

Runs inside a transaction; who may do this, and who has to confirm it, is decided elsewhere.
"""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, select, update

from admission import ledger
from admission.errors import ConfigError
from admission.ledger import Held, JournalUnread, State
from admission.seats import Account
from server.store.schema import account, book, device, event, incarnation, incident, quarantine


def fence_store(connection: Connection, name: str, number: int) -> None:
    """No more grants to this store; what it holds stays counted."""
    _lock_rooms(connection, name)
    mine = (incarnation.c.device == name) & (incarnation.c.incarnation == number)
    connection.execute(update(incarnation).where(mine).values(fenced=True))
    theirs = (account.c.device == name) & (account.c.incarnation == number) & (account.c.state == State.LIVE)
    connection.execute(update(account).where(theirs).values(state=State.FENCED.value))


def fence(connection: Connection, name: str) -> None:
    """No more grants to any store of this kiosk. Raises ConfigError for one that is not known."""
    _check(connection, name)
    _lock_rooms(connection, name)
    connection.execute(update(incarnation).where(incarnation.c.device == name).values(fenced=True))
    live = (account.c.device == name) & (account.c.state == State.LIVE)
    connection.execute(update(account).where(live).values(state=State.FENCED.value))


def revoke(connection: Connection, name: str, now: int) -> None:
    """Fences the kiosk, and believes nothing more that its key signs."""
    fence(connection, name)
    connection.execute(update(device).where(device.c.id == name, device.c.revoked.is_(None)).values(revoked=now))


def supersede(connection: Connection, name: str) -> list[int]:
    """The earlier stores of the kiosk that still hold seats, which stay counted."""
    rows = connection.execute(
        select(account.c.incarnation)
        .where(account.c.device == name, account.c.state != State.RETIRED)
        .where(account.c.granted - account.c.returned - account.c.entries + account.c.exits > 0)
        .distinct()
    )
    return [int(row.incarnation) for row in rows]


def vouch(connection: Connection, name: str) -> int:
    """S4: a supervisor has the kiosk off and in hand, and its journals have been read to the end. Returns the seats
    that come back. Raises ConfigError if a journal has not been read, or the kiosk has not signed that it ends."""
    _check(connection, name)
    _lock_rooms(connection, name)
    _check_no_fork(connection, name)
    stores = connection.execute(select(incarnation).where(incarnation.c.device == name)).mappings().all()
    back = 0
    for store in stores:
        theirs = (account.c.device == name) & (account.c.incarnation == store["incarnation"])
        rows = connection.execute(select(account).where(theirs)).mappings().all()
        for row in rows:
            held = held_of(row)
            if held.state is State.RETIRED:
                continue
            try:
                after = ledger.vouch(
                    held, closed=store["closed"], have_seq=store["have_seq"], head_seq=store["said_seq"]
                )
            except JournalUnread as error:
                raise ConfigError(
                    f"the journal of {name} (store {store['incarnation']}) is not complete: {error}. Switch the kiosk "
                    "off and read it with: threshold-kiosk export --out FILE, then: threshold-server read-journal FILE"
                ) from error
            back += after.account.returned - held.account.returned
            values = {"returned": after.account.returned, "state": after.state.value}
            connection.execute(update(account).where(theirs, account.c.room == row["room"]).values(**values))
    connection.execute(update(incarnation).where(incarnation.c.device == name).values(fenced=True))
    era = select(event.c.era).scalar_subquery()
    connection.execute(update(device).where(device.c.id == name).values(era=era))
    connection.execute(update(incarnation).where(incarnation.c.device == name).values(era=era))
    return back


def held_of(row: RowMapping) -> Held:
    """The account in a row of its table."""
    names = ("era", "granted", "returned", "entries", "exits", "forced")
    return Held(Account(*(row[name] for name in names)), State(row["state"]), row["hold"])


def _lock_rooms(connection: Connection, name: str) -> None:
    """Keeps exchanges from granting in the kiosk's rooms meanwhile: they lock a room's book before its accounts."""
    rooms = select(account.c.room).where(account.c.device == name)
    connection.execute(select(book.c.room).where(book.c.room.in_(rooms)).order_by(book.c.room).with_for_update()).all()


def _check_no_fork(connection: Connection, name: str) -> None:
    """Of a store that two cards ran, no journal tells what both have spent."""
    forked = select(quarantine.c.id).where(quarantine.c.device == name, quarantine.c.why.startswith("fork"))
    heads = select(incident.c.id).where(incident.c.device == name, incident.c.kind == "hash_fork")
    if connection.execute(forked.limit(1)).first() or connection.execute(heads.limit(1)).first():
        raise ConfigError(f"two cards ran {name}: no journal tells what both spent; have heads counted instead")


def _check(connection: Connection, name: str) -> None:
    if connection.execute(select(device.c.id).where(device.c.id == name)).first() is None:
        raise ConfigError(f"there is no kiosk {name!r}")
