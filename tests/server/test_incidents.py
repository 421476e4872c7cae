"""Incidents: that they are told in words, looked after and resolved; on the console, on the command line, and each
act's page with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from admission.errors import ConfigError
from admission.passage import Kind
from server import acts, badges, event, incidents, particulars
from server.acts import Actor
from server.deeds import DEEDS
from server.effects import EFFECTS, ELSEWHERE
from server.incidents import Incident, Place
from server.live import NEWS, ROOMS
from server.particulars import Told
from server.phrase import read_back
from server.store import schema
from server.store.engine import migrate, open_store
from server.store.instants import to_ms
from server.users import Role
from tests.pages import Site, token
from tests.server.acting import run
from tests.server.desk import Server, badge_of

SUPERVISOR = Actor("supervisor", Role.SUPERVISOR)


def found(server: Server, *, resolved: bool = False) -> list[Incident]:
    with server.store.read() as connection:
        return incidents.listed(connection, resolved=resolved)


def told(server: Server, *, named: bool = True) -> list[Told]:
    with server.store.read() as connection:
        zone = event.read(connection).zone
        return particulars.tell(connection, incidents.listed(connection, resolved=False), zone, named=named)


def raised(server: Server, kind: str = "clock", place: Place | None = None, **facts: object) -> int:
    """An incident of this kind; its number."""
    at = to_ms(server.now)
    server.store.write(lambda c: incidents.raise_incident(c, kind, at, place or Place(), facts))
    return found(server)[0].id


def twice(server: Server) -> None:
    """Person 1 comes in by both gates of the hall."""
    for gate, minute in (("hall-a", 0), ("hall-b", 3)):
        kiosk = server.kiosk(gate)
        kiosk.pass_through(Kind.ENTRY, badge_of(server, 1), server.now + timedelta(minutes=minute))
        server.now += timedelta(minutes=minute)
        server.exchange(kiosk)


def clock(server: Server, minute: int = 0) -> str:
    """The venue's clock, so long after the world was made."""
    with server.store.read() as connection:
        zone = event.read(connection).zone
    return f"{(server.world.now + timedelta(minutes=minute)).astimezone(zone):%H:%M:%S}"


# ---- in words ----


def test_a_duplicate_entry_tells_who_and_both_gates_and_times(server: Server) -> None:
    twice(server)
    [one] = told(server)
    lines = dict(one.lines)
    assert (one.incident.kind, lines["Person"], lines["Room"]) == ("duplicate_entry", "Person 1 (p1)", "The hall")
    assert lines["First"].startswith("Hall A, ")
    assert lines["First"].endswith(clock(server))
    assert lines["Then"].startswith("Hall B, ")
    assert lines["Then"].endswith(clock(server, 3))
    assert lines["Kiosk"] == "k-hall-b (Hall B)"
    assert one.about == {"room": "hall", "device": "k-hall-b", "person": "p1"}


def test_people_are_not_named_to_those_who_only_watch(server: Server) -> None:
    twice(server)
    [one] = told(server, named=False)
    assert "Person" not in dict(one.lines)
    assert "person" not in one.about
    assert "p1" not in str(one.lines)


def test_an_entry_after_a_revocation_tells_where_and_when(server: Server) -> None:
    server.store.write(lambda c: badges.revoke(c, ["p1"], "lost", server.now - timedelta(minutes=1)))
    kiosk = server.kiosk("hall-a")
    kiosk.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    server.exchange(kiosk)
    [one] = told(server)
    assert one.incident.words.title == "Admitted after the badge was revoked"
    assert one.incident.words.grave
    assert dict(one.lines)["Person"] == "Person 1 (p1)"
    assert dict(one.lines)["Passage"].startswith("Hall A, ")


def test_a_time_that_is_not_certain_says_so(server: Server) -> None:
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    twice_in = [kiosk.pass_through(Kind.ENTRY, badge_of(server, 1), server.now) for _ in range(2)]
    assert twice_in == [1, 2]
    server.exchange(kiosk)
    wide = schema.passage.update().values(uncertainty_ms=90_000)
    server.store.write(lambda c: c.execute(wide))
    assert dict(told(server)[0].lines)["Then"].endswith("give or take 90 s")


def test_what_a_kiosk_did_is_told_with_its_numbers(server: Server) -> None:
    raised(server, "hash_fork", Place(device="k-hall-a"), seq=44, incarnation=7, machine="pi-1")
    raised(server, "clock", Place("hall", "hall-a", "k-hall-a"), ahead_ms=3_750_000 * 2, seq=3, incarnation=7)
    raised(server, "store_lost", Place(device="k-hall-a"), incarnation=8, earlier=[6, 7])
    raised(server, "quarantine", Place(device="k-hall-a"), seq=5, why="not a passage", incarnation=7, machine="")
    fork, quarantine, lost, ahead = [dict(one.lines) for one in told(server)]
    assert fork == {"Kiosk": "k-hall-a (Hall A)", "Record": "44", "Machine": "pi-1", "Store": "7"}
    assert (ahead["Gate"], ahead["Ahead by"]) == ("Hall A", "2 h")
    assert (lost["Earlier stores"], lost["Store"]) == ("6, 7", "8")
    assert (quarantine["Record"], quarantine["Reason"]) == ("5", "not a passage")


def test_an_incident_of_a_kind_without_words_is_told_all_the_same(server: Server) -> None:
    raised(server, "flying_saucer", Place("attic", "roof", "k-moon"), why="no_idea")
    [one] = told(server)
    assert one.incident.words.title == "Flying saucer"
    assert dict(one.lines) == {"Room": "attic", "Gate": "roof", "Kiosk": "k-moon", "Reason": "no idea"}


# ---- looked after and resolved ----


def test_an_incident_is_looked_after_by_one(server: Server) -> None:
    number = raised(server)
    server.store.write(lambda c: incidents.claim(c, number, "ada"))
    server.store.write(lambda c: incidents.claim(c, number, "ada"))
    with pytest.raises(ConfigError, match="by somebody else"):
        server.store.write(lambda c: incidents.claim(c, number, "grace"))
    assert found(server)[0].claimed_by == "ada"


def test_an_incident_is_resolved_once_and_with_a_note(server: Server) -> None:
    number, now = raised(server), to_ms(server.now)
    with pytest.raises(ConfigError, match="a note is needed"):
        server.store.write(lambda c: incidents.resolve(c, number, "ada", "  ", now))
    server.store.write(lambda c: incidents.resolve(c, number, "ada", " Restarted it. ", now))
    assert found(server) == []
    [over] = found(server, resolved=True)
    assert (over.resolved, over.resolved_by, over.note) == (now, "ada", "Restarted it.")
    for again in (
        lambda c: incidents.resolve(c, number, "grace", "me too", now),
        lambda c: incidents.claim(c, number, "grace"),
    ):
        with pytest.raises(ConfigError, match="resolved"):
            server.store.write(again)


# ---- the command line ----


def test_incidents_are_listed_and_resolved_on_the_command_line(server: Server) -> None:
    assert run(server, "incidents")[1] == "no incident is open\n"
    twice(server)
    said = run(server, "incidents")[1]
    assert "Somebody came in twice" in said
    assert "Person: Person 1 (p1)" in said
    words = ["resolve-incident", "1", "--note", "A twin."]
    assert "viewers may not resolve incidents" in run(server, *words, who="viewer")[1]
    assert run(server, *words, who="steward")[1] == "incident 1 is resolved\n"
    assert "resolved already" in run(server, *words, who="steward")[1]
    assert "there is no incident 9" in run(server, "resolve-incident", "9", "--note", "x", who="steward")[1]
    assert run(server, "incidents")[1] == "no incident is open\n"
    assert "Resolved by steward" in run(server, "incidents", "--all")[1]


# ---- the pages ----


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The pages over a venue of their own."""
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def post(client: FlaskClient, path: str, page: str = "/incidents", **form: object) -> TestResponse:
    """Sends a form with the token of a page."""
    return client.post(path, data=form | {"csrf_token": token(client.get(page))})


def all_acts(site: Site) -> list[dict[str, object]]:
    with site.store.read() as connection:
        return [dict(row) for row in connection.execute(select(schema.act).order_by(schema.act.c.id)).mappings()]


def test_who_may_open_and_do_what(site: Site) -> None:
    site.enter("p1", "p1")
    for role in Role:
        client = site.signed_in(role.value)
        acting = role in (Role.STEWARD, Role.SUPERVISOR, Role.ADMIN)
        assert client.get("/incidents").status_code == 200
        assert ("I look after it" in client.get("/incidents").text) == acting
        assert client.get("/supervision").status_code == (200 if acting or role is Role.AUDITOR else 403)
        assert client.get("/supervision/forgive").status_code == (200 if acting else 403)
        assert client.get("/supervision/hold").status_code == (200 if acting and role is not Role.STEWARD else 403)
        named = "Person 1" in client.get("/incidents").text
        assert named == (role is not Role.VIEWER)
        if not acting:
            assert post(client, "/incidents/1/claim").status_code == 403
            assert post(client, "/supervision/forgive", person="p1", reason="x").status_code == 403
            assert post(client, "/supervision/acts/1/confirm").status_code == 403
    assert all_acts(site) == []


def test_strangers_are_sent_to_sign_in_and_forged_forms_do_nothing(site: Site) -> None:
    stranger = site.app.test_client()
    for page in ("/incidents", "/incidents/state", "/supervision", "/supervision/state", "/supervision/hold"):
        assert "/sign-in" in stranger.get(page).location
    forged = site.signed_in("supervisor").post("/supervision/hold", data={"room": "hall", "reason": "x"})
    assert (forged.status_code, all_acts(site)) == (400, [])


def test_every_act_has_a_page_that_says_what_it_does_and_assumes(site: Site) -> None:
    client = site.signed_in("admin")
    overview = client.get("/supervision").text
    for kind, deed in DEEDS.items():
        if EFFECTS[kind].group in ELSEWHERE:
            assert client.get(f"/supervision/{kind}").status_code == 404
            continue
        page = client.get(f"/supervision/{kind}")
        assert page.status_code == 200
        assert deed.title in unescape(page.text)
        assert "Only if:" in page.text
        assert f'href="/supervision/{kind}"' in overview
    assert client.get("/supervision/dance").status_code == 404
    assert client.get(f"/supervision?before={2**70}&did={2**70}").status_code == 200


def test_what_was_typed_is_kept_when_an_act_cannot_be(site: Site) -> None:
    client = site.signed_in("supervisor")
    typed = {"room": "hall", "limit": "7", "reserve": "8", "reason": "Stage <too> wide"}
    answer = post(client, "/supervision/capacity", "/supervision/capacity", **typed)
    assert answer.status_code == 400
    said = unescape(answer.text)
    assert "a reserve of 8 is more than the limit of 7" in said
    for kept in ('value="hall" selected', 'value="7"', 'value="8"', "Stage <too> wide</textarea>"):
        assert kept in said
    assert "<too>" not in answer.text


def test_an_act_leads_to_a_page_that_can_be_loaded_again_and_tells_the_gates(site: Site) -> None:
    client, hub = site.signed_in("supervisor"), site.app.extensions["threshold"].hub
    before = hub.counts((ROOMS, NEWS))
    answer = post(client, "/supervision/hold", "/supervision/hold", room="hall", reason="crowd")
    assert (answer.status_code, answer.location) == (303, "/supervision?did=1")
    assert hub.counts((ROOMS, NEWS)) == (before[0] + 1, before[1] + 1)
    for _ in range(2):
        assert "entries are held (hold 1)" in client.get(answer.location).text
    assert len(all_acts(site)) == 1
    answer = post(client, "/supervision/hold", "/supervision/hold", room="club", reason="crowd", then="count")
    assert answer.location == "/supervision/count?room=club"


def test_a_second_person_confirms_on_the_page_and_the_asker_cannot(site: Site) -> None:
    asker, second = site.signed_in("supervisor"), site.signed_in("admin")
    hub = site.app.extensions["threshold"].hub
    mark = second.get("/supervision/state").get_json()["mark"]
    post(asker, "/supervision/capacity", "/supervision/capacity", room="hall", limit="60", reason="chairs")
    told_before = hub.counts((NEWS,))
    assert second.get("/supervision/state").get_json()["mark"] != mark
    assert "Somebody else has to confirm this." in asker.get("/supervision").text
    assert ">Confirm<" not in asker.get("/supervision").text
    assert post(asker, "/supervision/acts/1/confirm", "/supervision").status_code == 409
    assert ">Confirm<" in second.get("/supervision").text
    assert post(second, "/supervision/acts/1/confirm", "/supervision").location == "/supervision?did=1"
    assert hub.counts((NEWS,)) != told_before
    again = post(second, "/supervision/acts/1/confirm", "/supervision")
    assert (again.status_code, "already" in again.text) == (409, True)
    assert [(row["state"], row["confirmed_by"]) for row in all_acts(site)] == [("done", "admin")]
    assert post(second, f"/supervision/acts/{2**70}/confirm", "/supervision").status_code == 404


def test_an_entry_is_found_by_its_person_and_annulled(site: Site) -> None:
    site.enter("p1", "p2")
    client = site.signed_in("supervisor")
    page = client.get("/supervision/annul?person=P1").text
    [number] = re.findall(r'type="radio" name="passage" value="(\d+)"', page)
    assert "Nobody with this reference is inside" in client.get("/supervision/annul?person=p9").text
    post(client, "/supervision/annul?person=p1", "/supervision/annul", passage=number, reason="did not turn")
    post(site.signed_in("admin"), "/supervision/acts/1/confirm", "/supervision")
    assert read_back(str(all_acts(site)[0]["outcome"])) == "annulled; its seat comes back by a head count"


def test_the_audit_log_is_paged_and_holds_every_act_once(site: Site) -> None:
    client = site.signed_in("auditor")
    assert "Nobody has acted yet." in client.get("/supervision").text
    now = site.app.extensions["threshold"].clock()
    asked = {"room": "hall", "bodies": "1"}

    def many(connection: object) -> None:
        for number in range(70):
            acts.ask(connection, "unbadged-in", asked, SUPERVISOR, f"reason {number}", now)  # type: ignore[arg-type]

    site.store.write(many)
    seen: list[str] = []
    page: str | None = "/supervision"
    while page:
        text = unescape(client.get(page).text)
        seen += re.findall(r"reason (\d+)", text)
        older = re.search(r'href="([^"]+)#log-title">Older', text)
        page = older[1] if older else None
    assert seen == [str(number) for number in reversed(range(70))]


def test_an_incident_is_taken_up_and_resolved_on_the_page(site: Site) -> None:
    site.enter("p1", "p1")
    ada, other = site.signed_in("steward"), site.signed_in("supervisor")
    state = other.get("/incidents/state").get_json()
    assert state["open"] == 1
    assert 'href="/supervision/forgive?room=hall&amp;device=k-hall-a&amp;person=p1"' in ada.get("/incidents").text
    assert post(ada, "/incidents/1/claim").location == "/incidents#incident-1"
    assert other.get("/incidents/state").get_json()["mark"] != state["mark"]
    refused = post(other, "/incidents/1/claim")
    assert (refused.status_code, "by somebody else" in refused.text) == (409, True)
    empty = post(ada, "/incidents/1/resolve", note=" ")
    assert (empty.status_code, "a note is needed" in empty.text) == (409, True)
    assert post(ada, "/incidents/1/resolve", note="A twin.").location == "/incidents"
    assert "All quiet." in ada.get("/incidents").text
    assert "A twin." in ada.get("/incidents?resolved=1").text
    assert other.get("/incidents/state").get_json()["open"] == 0


def test_grave_incidents_stand_first_and_then_the_newest(site: Site) -> None:
    for number, kind in enumerate(("clock", "hash_fork", "forced", "bad_signature", "over_limit")):
        site.store.write(lambda c, n=number, kind=kind: incidents.raise_incident(c, kind, n, Place(), {}))  # type: ignore[misc]
    page = site.signed_in("viewer").get("/incidents").text
    assert re.findall(r'id="incident-(\d)".*?data-gravity="(\w+)"', page) == [
        ("5", "grave"),
        ("2", "grave"),
        ("4", "usual"),
        ("3", "usual"),
        ("1", "usual"),
    ]
