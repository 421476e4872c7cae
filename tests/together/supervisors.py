"""Two supervisors at a site whose server runs: what they do, and what they look at."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from server import acts, incidents
from server.acts import Act, Actor
from server.incidents import Incident
from server.store.engine import transaction
from server.store.instants import to_ms
from server.store.schema import event
from server.users import Role
from tests.together.conftest import Site
from tests.world import utc_now

FIRST, SECOND = Actor("supervisor", Role.SUPERVISOR), Actor("admin", Role.ADMIN)


def do(site: Site, kind: str, **asked: Any) -> Act:
    """One of them asks for it; the other confirms it if somebody has to."""
    with transaction(site.url) as connection:
        one = acts.ask(connection, kind, asked, FIRST, "a test", utc_now())
    if one.state is acts.State.WAITING:
        with transaction(site.url) as connection:
            return acts.confirm(connection, one.id, SECOND, utc_now())
    return one


def raised(site: Site, kind: str) -> list[Incident]:
    """The incidents of this kind, the newest first."""
    with transaction(site.url) as connection:
        return [one for one in incidents.listed(connection, resolved=False) if one.kind == kind]


def era(site: Site) -> int:
    """The server's era."""
    with transaction(site.url) as connection:
        return int(connection.execute(select(event.c.era)).scalar_one())


def settle_incidents(site: Site) -> None:
    """Everything that is open was looked into."""
    with transaction(site.url) as connection:
        for one in incidents.listed(connection, resolved=False):
            incidents.resolve(connection, one.id, FIRST.name, "a test", to_ms(utc_now()))
