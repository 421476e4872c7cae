"""Delegations in figures, and their quotas: set, changed and removed, compared with who attended."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from flask import url_for

from admission.errors import ConfigError
from server import delegations, imports, trail
from server.delegations import Changed, Quota
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.trail import Who
from tests.pages import Site, token
from tests.world import World, table, utc_now

Either = SqliteStore | PostgresStore
WHO = Who("tester")
LIST = "/people/delegations"


@pytest.fixture
def venue(store: Either, world: World) -> Either:
    """The small venue on each kind of database."""
    return store


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages over a venue in which four of Land 1 and one of Land 2 have entered the hall."""
    url = f"sqlite:///{tmp_path_factory.mktemp('delegations') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    made = Site(store)
    made.enter("p1", "p6", "p11", "p16", "p2")
    yield made
    store.close()


def put(store: Either, name: str, session: str, most: str, was: str = "") -> int | None:
    act = (WHO, utc_now())
    return store.write(lambda c: delegations.set_quota(c, name, session, most, was, act))


def quotas(store: Either, name: str) -> list[Quota]:
    with store.read() as connection:
        return delegations.quotas(connection, name)


def post(site: Site, role: str, name: str, **form: str) -> int:
    client = site.signed_in(role)
    form["csrf_token"] = token(client.get("/people"))
    return client.post(f"{LIST}/{name}", data=form).status_code


def test_figures_count_people_once(site: Site) -> None:
    with site.store.read() as connection:
        one = delegations.one_of(connection, "Land 1")
    assert one is not None
    assert (one.name, one.members, one.came, one.inside) == ("Land 1", 12, 4, 4)  # other tests set quotas


def test_a_quota_is_set_changed_and_removed_and_each_stands_in_the_trail(venue: Either) -> None:
    assert put(venue, "Land 1", "keynote", "3") == 3
    assert put(venue, "Land 1", "keynote", "5", was="3") == 5
    assert [(one.session, one.most, one.attended, one.over) for one in quotas(venue, "Land 1")] == [
        ("keynote", 5, 0, 0)
    ]
    assert put(venue, "Land 1", "keynote", "", was="5") is None
    assert quotas(venue, "Land 1") == []
    with venue.read() as connection:
        steps = trail.newest(connection, about="delegation", ref="Land 1")
    assert [step.facts["most"] for step in steps] == [[5, None], [3, 5], [None, 3]]


def test_of_two_who_set_a_quota_at_once_the_second_is_told(venue: Either) -> None:
    put(venue, "Land 1", "keynote", "3")
    with pytest.raises(Changed) as told:
        put(venue, "Land 1", "keynote", "7")
    assert told.value.most == 3
    with pytest.raises(Changed):
        put(venue, "Land 1", "keynote", "", was="4")
    assert [one.most for one in quotas(venue, "Land 1")] == [3]


@pytest.mark.parametrize(
    ("name", "session", "most"),
    [
        ("Land 1", "keynote", "-1"),
        ("Land 1", "keynote", "1e3"),
        ("Land 1", "keynote", "9" * 30),
        ("Land 1", "keynote", "٣"),
        ("Land 1", "nothing", "3"),
        ("Atlantis", "keynote", "3"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(venue: Either, name: str, session: str, most: str) -> None:
    with pytest.raises(ConfigError, match=r"whole number|no session|no delegation"):
        put(venue, name, session, most)
    assert quotas(venue, name) == []


def test_what_went_over_a_quota_is_flagged(site: Site) -> None:
    assert post(site, "organiser", "Land 1", session="keynote", most="3", was="") == 303
    [one] = quotas(site.store, "Land 1")
    assert (one.attended, one.over) == (4, 1)
    desk = site.signed_in("desk")
    assert "1 over" in desk.get(f"{LIST}/Land 1").text
    assert "1 over" in desk.get(LIST).text
    assert post(site, "organiser", "Land 1", session="keynote", most="9", was="8") == 409


def test_the_desk_looks_and_organisers_set(site: Site) -> None:
    assert post(site, "desk", "Land 2", session="keynote", most="3", was="") == 403
    assert "Set a quota" not in site.signed_in("desk").get(f"{LIST}/Land 2").text
    assert post(site, "organiser", "Land 2", session="keynote", most="lots", was="") == 400


def test_any_name_has_its_page_and_one_that_nobody_has_is_not_found(site: Site) -> None:
    names = ("a/b", "a//b/", "<script>alert(1)</script>", "50% & co?", "中国")
    rows = table("person|name|delegation|category", *(f"d{at}|D|{name}|press" for at, name in enumerate(names)))
    site.store.write(lambda c: imports.run(c, {"people": rows}, os.urandom))
    client = site.signed_in("organiser")
    with client.application.test_request_context():
        addresses = [url_for("people.delegation", name=name) for name in names]
    for address in addresses:
        page = client.get(address)
        assert page.status_code == 200, address
        assert "<script>alert(1)" not in page.text
    for name in ("Atlantis", "%00", "x" * 2000):
        assert client.get(f"{LIST}/{name}").status_code == 404
