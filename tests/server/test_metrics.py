"""The figures for Prometheus: right, in its words, and for who may have them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, delete, event, insert, select

from admission.passage import Kind
from server import api_keys, metrics
from server.api_keys import Scope
from server.incidents import Place, raise_incident
from server.metrics import SETTLED_MS, Tally
from server.store.engine import migrate, open_store
from server.store.schema import passage
from server.trail import Who
from tests.pages import Site
from tests.server.audit_day import day, enter
from tests.server.desk import Server
from tests.world import utc_now


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path_factory.mktemp('metrics') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    site = Site(store)
    site.enter("p1", "p2")
    site.kiosk.pass_through(Kind.REFUSED, site.world.badge_ids["p3"], utc_now(), why="full")
    site.enter()
    store.write(lambda c: raise_incident(c, "gap", 1, Place(device="k"), {}))
    store.write(lambda c: raise_incident(c, 'odd"\\\nkind', 1, Place(device="k"), {}))
    yield site
    store.close()


def key_of(site: Site, scope: Scope) -> dict[str, str]:
    name = os.urandom(4).hex()
    return {
        "Authorization": "Bearer "
        + site.store.write(lambda c: api_keys.make(c, name, [scope], Who("a"), 1, os.urandom))
    }


def scraped(client: FlaskClient, headers: dict[str, str]) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def test_the_figures_are_the_boards(hall: Site) -> None:
    found = scraped(hall.app.test_client(), key_of(hall, Scope.METRICS_READ))
    assert found["threshold_room_bodies", "hall", "confirmed"] == 2
    assert found["threshold_room_bodies", "hall", "possible"] == 2
    assert found["threshold_room_capacity_bodies", "hall"] == 100
    assert found["threshold_room_limit_bodies", "salon"] == 12
    assert ("threshold_room_capacity_bodies", "venue") not in found
    assert found["threshold_room_entries_held", "hall"] == 0
    assert found["threshold_passages_total", "entry", "accepted"] == 2
    assert found["threshold_passages_total", "refused", "noted"] == 1
    assert found["threshold_kiosks", "live"] == 1
    assert found["threshold_kiosks", "never"] == 5
    assert 0 <= found["threshold_kiosk_heard_seconds", "k-hall-a"] < 60
    assert found["threshold_kiosk_queued_passages", "k-hall-a"] == 0
    assert found["threshold_open_incidents", "gap"] == 1
    assert found["threshold_open_incidents", 'odd"\\\nkind'] == 1


def test_names_and_units_are_as_prometheus_wants_them(hall: Site) -> None:
    text = hall.app.test_client().get("/metrics", headers=key_of(hall, Scope.METRICS_READ)).text
    families = list(text_string_to_metric_families(text))
    assert len({one.name for one in families}) == len(families)
    for one in families:
        assert one.name.startswith("threshold_")
        assert one.documentation.endswith(".")
        assert one.type in ("gauge", "counter")
        assert (one.type == "counter") == all(sample.name.endswith("_total") for sample in one.samples)
    assert "Person" not in text


def test_a_key_with_the_scope_is_needed(hall: Site) -> None:
    client = hall.app.test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=key_of(hall, Scope.PEOPLE_READ)).status_code == 403
    assert hall.signed_in("admin").get("/metrics").status_code == 401


def test_this_machine_may_where_it_is_allowed_and_a_proxy_on_it_may_not(hall: Site) -> None:
    client = hall.app.test_client()
    hall.app.config["METRICS_OPEN_HERE"] = True
    try:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 401
        assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 401
    finally:
        del hall.app.config["METRICS_OPEN_HERE"]


class TestTheTally:
    def count(self, server: Server, tally: Tally, now: int) -> int:
        with server.store.read() as connection:
            return sum(tally.count(connection, now).values())

    def test_counts_on_from_what_is_settled(self, plain: Server) -> None:
        doors = day(plain)
        tally, read = Tally(), []

        @event.listens_for(plain.store.engine, "before_cursor_execute")
        def _look(_c: object, _cursor: object, statement: str, values: object, _context: object, _many: bool) -> None:
            if "GROUP BY passage.kind" in statement:
                read.append(values)

        assert self.count(plain, tally, 0) == 20
        assert self.count(plain, tally, SETTLED_MS - 1) == 20
        enter(plain, doors["hall-a"], 10)
        plain.exchange(doors["hall-a"])
        assert self.count(plain, tally, SETTLED_MS) == 21
        assert [values[0] for values in read] == [0, 0, 0, 20]  # type: ignore[index]

    def test_misses_none_that_becomes_known_under_a_lower_number(self, plain: Server) -> None:
        day(plain)
        with plain.store.read() as connection:
            row = dict(connection.execute(select(passage).where(passage.c.id == 15)).mappings().one())

        def lose(connection: Connection) -> None:
            connection.execute(delete(passage).where(passage.c.id == 15))

        plain.store.write(lambda c: c.exec_driver_sql("UPDATE stay SET entry = NULL, opened = 1 WHERE entry = 15"))
        plain.store.write(lose)
        tally = Tally()
        assert self.count(plain, tally, 0) == 19
        plain.store.write(lambda c: c.execute(insert(passage).values(row)))
        assert self.count(plain, tally, 5_000) == 20
        assert self.count(plain, tally, SETTLED_MS) == 20
        assert self.count(plain, tally, 2 * SETTLED_MS) == 20


def test_incidents_are_counted_on_each_database(server: Server) -> None:
    with server.store.read() as connection:
        assert metrics.open_incidents(connection) == {}
    server.store.write(lambda c: raise_incident(c, "gap", 1, Place(), {}))
    with server.store.read() as connection:
        assert metrics.open_incidents(connection) == {"gap": 1}
