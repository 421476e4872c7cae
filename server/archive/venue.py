"""The archive's tables of what was planned: the event, its rooms, sessions, people, badges and kiosks."""

from __future__ import annotations

from sqlalchemy import select

from server.archive.tables import Column, Table, instant, number, text
from server.store.schema import badge, category, device, event, gate, listing, person, quota, room, session

PLANNED: tuple[Table, ...] = (
    Table(
        "event",
        "The event itself: one row.",
        "number",
        {
            "number": number("The event's number, which its badges carry"),
            "name": text("The event's name"),
            "timezone": text("The venue's time zone, in which all instants here are written"),
            "era": number("How often the database was put back from a copy, plus one"),
            "show_names": number("1: doors greeted people by name"),
            "languages": text("The languages of the doors, in order; empty: nobody has said"),
        },
        lambda: select(
            event.c.number, event.c.name, event.c.timezone, event.c.era, event.c.show_names, event.c.languages
        ),
    ),
    Table(
        "categories",
        "Categories of people, as badges show them.",
        "category",
        {
            "category": text("The category's reference"),
            "code": number("The number that badges carry"),
            "name": text("What it is called"),
            "colour": text("Its colour on badges"),
        },
        lambda: select(category.c.slug, category.c.code, category.c.name, category.c.colour).order_by(category.c.code),
    ),
    Table(
        "rooms",
        "Rooms that are counted; a room may lie inside another one.",
        "room",
        {
            "room": text("The room's reference"),
            "name": text("What it is called"),
            "inside": text("The room in which it lies", "rooms"),
            "limit": number("How many people may be inside by law; empty: nobody counts"),
            "reserve": number("How many of them are kept for people whom a steward lets in"),
            "exits": text("How exits are known: trusted (gates count them), matched (badges are read), none"),
            "overflow": text("The room to which people were sent when it was full", "rooms"),
        },
        lambda: select(
            room.c.id, room.c.name, room.c.inside, room.c.limit, room.c.reserve, room.c.exits, room.c.overflow
        ),
    ),
    Table(
        "gates",
        "Gates, each into a room.",
        "gate",
        {
            "gate": text("The gate's reference"),
            "name": text("What it is called"),
            "room": text("The room that it leads into", "rooms"),
            "outside": text("The room that it leads from; empty: from outside", "rooms"),
            "direction": text("in, out or both"),
        },
        lambda: select(gate.c.id, gate.c.name, gate.c.room, gate.c.outside, gate.c.direction),
    ),
    Table(
        "sessions",
        "Sessions of the programme.",
        "session",
        {
            "session": text("The session's reference"),
            "title": text("Its title"),
            "theme": text("Its theme"),
            "room": text("Where it is", "rooms"),
            "starts": instant("When it starts"),
            "ends": instant("When it ends"),
            "doors_open": instant("From when on people are let in"),
            "doors_close": instant("Until when people are let in"),
            "capacity": number("How many people it may have; empty: as many as its room"),
            "invited": number("1: only who is on its list may come"),
        },
        lambda: select(
            session.c.id,
            session.c.title,
            session.c.theme,
            session.c.room,
            session.c.starts,
            session.c.ends,
            session.c.doors_open,
            session.c.doors_close,
            session.c.capacity,
            session.c.invited,
        ),
    ),
    Table(
        "people",
        "Everybody who has, had or was to have a badge. Who was erased is not here.",
        "person",
        {
            "person": text("The person's reference, as in the organisers' lists"),
            "name": text("The name"),
            "organisation": text("The organisation"),
            "delegation": text("The delegation"),
            "category": text("The category", "categories"),
            "language": text("The language in which kiosks greet the person"),
        },
        lambda: select(
            person.c.ref, person.c.name, person.c.organisation, person.c.delegation, category.c.slug, person.c.language
        ).join(category, category.c.code == person.c.category),
        (("delegation",),),
        ("name", "organisation", "delegation", "person"),
    ),
    Table(
        "badges",
        "Every badge that was ever issued. What is printed in its code is not here.",
        "badge",
        {
            "badge": number("The badge's number, as printed on it"),
            "person": text("Whose it is; empty: that person was erased", "people"),
            "issued": instant("When it was issued"),
            "revoked": instant("When it was revoked; empty: it is good"),
            "why": text("Why it was revoked"),
            "replaced_by": number("The badge that took its place", "badges"),
        },
        lambda: select(
            badge.c.serial, person.c.ref, badge.c.issued, badge.c.revoked, badge.c.revoked_why, badge.c.replaced_by
        ).outerjoin(person, person.c.id == badge.c.person),
        (("person",),),
    ),
    Table(
        "rights",
        "Who is on the list of a session, or kept off it.",
        ("session", "person"),
        {
            "session": text("The session", "sessions"),
            "person": text("The person", "people"),
            "may": number("1: may come; 0: may not, whatever the category says"),
        },
        lambda: select(listing.c.session, person.c.ref, listing.c.may).join(person, person.c.id == listing.c.person),
        (("person",),),
    ),
    Table(
        "quotas",
        "How many people of a delegation may come to a session.",
        ("session", "delegation"),
        {
            "session": text("The session", "sessions"),
            "delegation": text("The delegation"),
            "most": number("How many of them may come"),
        },
        lambda: select(quota.c.session, quota.c.delegation, quota.c.most),
    ),
    Table(
        "kiosks",
        "Kiosks at the gates, and the registration desk.",
        "kiosk",
        {
            "kiosk": text("The kiosk's name"),
            "label": text("What people call it"),
            "gate": text("Where it stands", "gates"),
            "enrolled": instant("Since when it belongs to this event"),
            "revoked": instant("Since when it is believed no more"),
            "public_key": Column(bytes, "The key that its messages are checked with (Ed25519)"),
        },
        lambda: select(
            device.c.id, device.c.label, device.c.gate, device.c.enrolled, device.c.revoked, device.c.public
        ),
    ),
)
