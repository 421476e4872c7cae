"""Who looks at names is written down, and who may not see what was written is not shown it."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from server import incidents, trail, users
from server.incidents import Place
from server.store.engine import SqliteStore
from server.store.instants import to_ms
from tests.pages import Site, token
from tests.world import utc_now

LISTS = "/programme/sessions/dinner/list"


@pytest.fixture
def site(sqlite_store: SqliteStore) -> Site:
    """A venue of its own: what was looked at elsewhere is not counted."""
    return Site(sqlite_store)


def rows(site: Site, by: str, what: str = "viewed") -> list[tuple[str, str]]:
    """(about, ref) of what the user did of that kind, in order."""
    with site.store.read() as connection:
        found = trail.newest(connection, 100, by=by)
    return [(one.about, one.ref) for one in reversed(found) if one.what == what]


def begun(client: FlaskClient) -> int:
    """The number of a roll call of the whole venue."""
    form = {"csrf_token": token(client.get("/roll-call")), "reason": "Smoke"}
    found = re.search(r"/roll-call/(\d+)", client.post("/roll-call", data=form).location)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("path", "about", "ref"),
    [
        ("/people", "people", ""),
        ("/people?q=person", "people", ""),
        ("/people/p5", "person", "p5"),
        ("/people/delegations/Land%201", "delegation", "Land 1"),
        ("/desk", "desk", ""),
        ("/desk/find?q=person", "desk", ""),
        ("/desk?person=p5", "person", "p5"),
        ("/desk/handover", "desk", "handover"),
        (LISTS, "session", "dinner"),
        ("/roll-call/now", "roll-call", ""),
    ],
)
def test_a_page_with_names_is_noted_once_an_hour_of_each_user(site: Site, path: str, about: str, ref: str) -> None:
    for role in ("organiser", "admin"):
        client = site.signed_in(role)
        for _ in range(3):
            assert client.get(path).status_code == 200
        assert rows(site, role).count((about, ref)) == 1
    with site.store.read() as connection:
        assert "person" not in [one.facts.get("filters", {}).get("q") for one in trail.newest(connection, 20)]


def test_the_script_s_whole_list_of_a_roll_call_is_noted_unless_its_page_was(site: Site) -> None:
    site.enter("p1", "p2")
    number = begun(site.signed_in("supervisor"))
    steward, organiser = site.signed_in("steward"), site.signed_in("organiser")
    for _ in range(3):
        assert len(steward.get(f"/roll-call/{number}/state").json["people"]) == 2  # type: ignore[index]
    assert rows(site, "steward") == [("roll-call", str(number))]
    organiser.get(f"/roll-call/{number}")
    organiser.get(f"/roll-call/{number}/state")
    assert rows(site, "organiser") == [("roll-call", str(number))]
    assert steward.get("/roll-call/999/state").status_code == 404


def test_a_file_of_badges_that_is_taken_home_is_noted_each_time(site: Site) -> None:
    desk = site.signed_in("desk")
    form = {"csrf_token": token(desk.get("/badges")), "refs": "p1 p2", "layout": "a4", "badge": ""}
    name = desk.post("/badges/print", data=form).location.partition("printed=")[2]
    for _ in range(2):
        assert desk.get(f"/badges/prints/{name}.pdf").data.startswith(b"%PDF")
    assert rows(site, "desk", "downloaded") == [("print", name)] * 2


def test_a_note_of_a_view_that_was_not_written_is_written_the_next_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = site.signed_in("desk")

    def full(*_given: object, **_more: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as broken:
        broken.setattr(site.store, "write", full)
        assert client.get("/people/p5").status_code == 500
    assert client.get("/people/p5").status_code == 200
    assert rows(site, "desk") == [("person", "p5")]


def test_who_has_looked_at_somebody_is_shown_to_auditors_only(site: Site) -> None:
    site.signed_in("organiser").get("/people/p5")
    admin, desk = site.signed_in("admin"), site.signed_in("desk")
    form = {"csrf_token": token(desk.get("/people/p5")), "why": "Lost"}
    assert desk.post("/people/p5/revoke", data=form).status_code == 303
    history = {
        name: one.get("/people/p5").text.partition("history-title")[2]
        for name, one in (("admin", admin), ("desk", desk))
    }
    assert "organiser" in history["admin"]
    assert "organiser" not in history["desk"]
    assert "<bdi>desk</bdi>" in history["desk"]  # who has revoked the badge


def test_what_people_wrote_about_an_incident_is_not_for_viewers(site: Site) -> None:
    for number, text in enumerate(("Person 5 was rude", "It was Person 6"), 1):
        place = Place("hall", "hall-a", f"k-{number}")
        site.store.write(lambda c, at=place: incidents.raise_incident(c, "forced", 1, at, {}))  # type: ignore[misc]
        site.store.write(lambda c, n=number, t=text: incidents.add_note(c, n, "steward", t, 2))  # type: ignore[misc]
    site.store.write(lambda c: incidents.resolve(c, 2, "steward", "Told Person 6", to_ms(utc_now())))
    for role, shown in (("steward", True), ("viewer", False)):
        client = site.signed_in(role)
        told = client.get("/incidents").text + client.get("/incidents?resolved=1").text
        for text in ("Person 5 was rude", "It was Person 6", "Told Person 6"):
            assert (text in told) == shown


def test_a_scan_is_posted_without_a_script_too(site: Site) -> None:
    desk = site.signed_in("desk")
    page = desk.get("/desk").text
    form = re.search(r'<form class="seek"[^>]*>', page)
    assert form is not None
    assert 'method="post" action="/desk/scan"' in form[0]
    typed = {"csrf_token": token(desk.get("/desk"))}
    scanned = desk.post("/desk/scan", data=typed | {"q": "TB" + "x" * 120})
    assert scanned.status_code == 404
    searched = desk.post("/desk/scan", data=typed | {"q": "person 37"})
    assert (searched.status_code, searched.location) == (303, "/desk?q=person+37")


@pytest.mark.parametrize(
    "query", ["before=-9999999999999999999999", "before=99999999999999999999", "did=-1", "before=x"]
)
def test_a_number_that_no_act_has_is_passed_over(site: Site, query: str) -> None:
    assert site.signed_in("supervisor").get(f"/supervision?{query}").status_code == 200


def test_nobody_removes_their_own_second_factor_by_the_way_of_an_admin(site: Site) -> None:
    with site.store.read() as connection:
        number = {one.name: one.id for one in users.directory(connection)}["admin"]
    admin = site.signed_in("admin")
    page = admin.get(f"/users/{number}")
    answer = admin.post(f"/users/{number}/second-factor", data={"csrf_token": token(page)})
    assert answer.status_code == 409
    assert "switch your own second factor off on the page of your account" in answer.text
