"""The programme as the rules see it, read from the tables."""

from __future__ import annotations

from sqlalchemy import Connection, select

from admission.venue import Direction, Exits, Gate, Programme, Room, Session
from server.event import Event
from server.store import schema, versions
from server.store.instants import from_ms


def read(connection: Connection, event: Event) -> Programme:
    """The whole programme under its present version."""
    rooms = connection.execute(select(schema.room).order_by(schema.room.c.position, schema.room.c.id)).mappings().all()
    gates = connection.execute(select(schema.gate).order_by(schema.gate.c.id)).mappings().all()
    sessions = connection.execute(select(schema.session).order_by(schema.session.c.starts, schema.session.c.id))
    return Programme(
        version=versions.current(connection, versions.PROGRAMME),
        event=event.name,
        timezone=event.zone.key,
        rooms=tuple(
            Room(r["id"], r["name"], r["inside"], r["limit"], r["reserve"], Exits(r["exits"]), r["only"], r["overflow"])
            for r in rooms
        ),
        gates=tuple(Gate(g["id"], g["name"], g["room"], g["outside"], Direction(g["direction"])) for g in gates),
        sessions=tuple(
            Session(
                id=row.id,
                title=row.title,
                room=row.room,
                starts=from_ms(row.starts),
                ends=from_ms(row.ends),
                doors_open=from_ms(row.doors_open),
                doors_close=from_ms(row.doors_close),
                capacity=row.capacity,
                categories=row.categories,
                zones=row.zones,
                invited=row.invited,
            )
            for row in sessions
        ),
        show_names=event.show_names,
        languages=event.languages,
    )
