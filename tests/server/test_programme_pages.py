"""The programme's pages over HTTP: who may open them, what they say, and how a change reaches a kiosk."""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from admission import wire
from admission.wire import Answer, Cursors, Lane
from server.live import NEWS, ROOMS
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.users import Role
from server.web.auth import ORGANISERS
from tests.pages import EVIL, Site, token
from tests.world import utc_now

PAGES = (
    "/programme",
    "/programme/rooms",
    "/programme/categories",
    "/programme/doors",
    "/programme/kiosks",
    "/programme/kiosks/state",
    "/programme/sessions/new",
    "/programme/rooms/new",
    "/programme/gates/new",
    "/programme/categories/new",
    "/programme/sessions/keynote",
    "/programme/rooms/hall",
    "/programme/gates/hall-a",
    "/programme/categories/press",
    "/programme/sessions/dinner/list",
)
LATE = {"title": "Late talk", "room": "hall", "starts": "2030-11-24T10:00", "ends": "2030-11-24T11:00"}
NEW = LATE | {"theme": "", "doors_open": "", "doors_close": "", "capacity": "", "rule": "everyone", "session": ""}


@pytest.fixture
def site(sqlite_store: SqliteStore | PostgresStore) -> Site:
    """The small venue and its pages."""
    return Site(sqlite_store)


@pytest.fixture
def organiser(site: Site) -> FlaskClient:
    """An organiser who has signed in."""
    return site.signed_in("organiser")


def post(client: FlaskClient, path: str, form: Mapping[str, object], page: str = "") -> TestResponse:
    """Sends a form as the page with it does."""
    return client.post(path, data={"csrf_token": token(client.get(page or path)), **form})


def fields(client: FlaskClient, path: str) -> dict[str, object]:
    """What a session's form holds."""
    text = client.get(path).text
    form = text[text.index("data-check") :]
    named = re.findall(r'<input [^>]*?name="([a-z_]+)"[^>]*?value="([^"]*)"', form)
    plain = {
        name: html.unescape(value) for name, value in named if name not in ("rule", "category", "zone", "csrf_token")
    }
    mark = re.search(r'name="mark" value="([^"]+)"', text)
    room = re.search(r'<select id="room".*?<option value="([^"]+)" selected', text, re.DOTALL)
    rule = re.search(r'name="rule" value="([a-z]+)" checked', text)
    assert mark
    assert room
    assert rule
    ticked = re.findall(r'name="category" value="([^"]+)" checked', text)
    return plain | {"mark": mark[1], "room": room[1], "rule": rule[1], "category": ticked}


def read(page: TestResponse) -> str:
    """What a page says."""
    return html.unescape(page.text)


def test_only_organisers_open_the_programme(site: Site) -> None:
    for role in Role:
        client = site.signed_in(role)
        for path in PAGES:
            expected = 200 if role in ORGANISERS else 403
            assert client.get(path).status_code == expected, (role, path)
        if role not in ORGANISERS:
            for path in ("/programme/sessions/new", "/programme/sessions/keynote/close", PAGES[-1]):
                assert post(client, path, NEW, "/account").status_code == 403, (role, path)
    assert site.app.test_client().get("/programme").status_code == 302


def test_no_page_weighs_too_much_or_runs_what_a_name_says(site: Site, organiser: FlaskClient) -> None:
    evil = NEW | {"title": EVIL, "theme": EVIL, "session": "evil"}
    assert post(organiser, "/programme/sessions/new", evil).status_code == 303
    for path in (
        *PAGES,
        "/programme?day=2030-11-24",
        "/programme/sessions/evil",
        "/programme/sessions/evil/list?find=p9",
    ):
        page = organiser.get(path)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert " style=" not in page.text
        assert not re.search(r"<[a-z][^<>\"]*(\"[^\"]*\"[^<>\"]*)* on[a-z]+=", page.text)
        assert len(page.data) < 100_000
    assert EVIL in read(organiser.get("/programme?day=2030-11-24"))


def test_a_session_is_made_changed_copied_closed_and_deleted(site: Site, organiser: FlaskClient) -> None:
    made = post(organiser, "/programme/sessions/new", NEW)
    assert made.status_code == 303
    assert made.location == "/programme/sessions/late-talk"
    page = organiser.get(made.location)
    assert "Made. The kiosks hear of it at once." in page.text
    assert "0 of 6 kiosks have the present programme" in page.text
    changed = post(organiser, made.location, fields(organiser, made.location) | {"capacity": "60"})
    assert changed.status_code == 303
    past = read(organiser.get(made.location))
    assert "2 steps; last by organiser" in past
    assert re.search(r"Capacity: <del>nothing</del>.*?<ins>60</ins>", past, re.DOTALL)
    copy = organiser.get("/programme/sessions/new?copy=late-talk").text
    assert 'value="Late talk"' in copy
    assert 'name="capacity" value="60"' in copy
    assert post(organiser, f"{made.location}/close", {}, made.location).status_code == 303
    assert "closed: its doors do not open" in read(organiser.get("/programme"))
    mark = fields(organiser, made.location)["mark"]
    assert post(organiser, f"{made.location}/delete", {"mark": mark}, made.location).status_code == 303
    assert organiser.get(made.location).status_code == 404
    with site.store.read() as connection:
        about = schema.trail.c.about == "session"
        steps = connection.execute(select(schema.trail.c.what).where(about).order_by(schema.trail.c.id)).scalars()
        assert list(steps) == ["made", "changed", "closed", "deleted"]


def test_bad_input_is_said_at_its_field_and_what_was_typed_is_kept(organiser: FlaskClient) -> None:
    bad = NEW | {
        "title": "<b>\"Quoted\" & 'so'</b>",
        "ends": "2030-11-24T09:00",
        "capacity": "9" * 30,
        "starts": "2030-02-30T10:00",
    }
    page = post(organiser, "/programme/sessions/new", bad)
    assert page.status_code == 400
    text = read(page)
    assert "there is no such date or time" in text
    assert "whole number" in text
    assert "<b>\"Quoted\" & 'so'</b>" in text
    assert "<b>&" not in page.text
    late = post(organiser, "/programme/sessions/new", NEW | {"ends": "2030-11-24T09:00"})
    assert 'id="ends-wrong"' in late.text
    assert "the end is not after the beginning" in late.text


@pytest.mark.parametrize(
    "path",
    ["/programme/sessions/nowhere", "/programme/rooms/%00", "/programme/gates/" + "x" * 300, "/programme/planets/new",
     "/programme/sessions/nowhere/list", "/programme/sessions/new?copy=nowhere", "/programme/categories/<b>"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(organiser: FlaskClient, path: str) -> None:
    assert organiser.get(path).status_code == 404
    if "?" not in path:
        assert post(organiser, path, NEW, "/programme/sessions/new").status_code in (404, 405)


def test_of_two_who_edit_one_session_the_loser_sees_both_and_chooses(site: Site, organiser: FlaskClient) -> None:
    path, other = "/programme/sessions/panel", site.signed_in("admin")
    mine, theirs = fields(organiser, path), fields(other, path)
    assert post(other, path, theirs | {"capacity": "70"}).status_code == 303
    lost = post(organiser, path, mine | {"title": "The Panel & friends", "capacity": "80"})
    assert lost.status_code == 409
    text = read(lost)
    assert "somebody else has changed this" in text
    assert "Last by admin" in text
    assert re.search(r"Title</th><td[^>]*>Panel</td><td[^>]*>The Panel & friends</td>", text)
    assert re.search(r"Capacity</th><td[^>]*>70</td><td[^>]*>80</td>", text)
    assert "Theme" not in text
    assert 'value="70"' in organiser.get(path).text
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', lost.text))
    kept = {name: html.unescape(value) for name, value in hidden.items() if name != "csrf_token"}
    assert post(organiser, path, dict(kept)).status_code == 303
    assert fields(organiser, path)["title"] == "The Panel & friends"
    assert fields(organiser, path)["category"] == ["delegate"]


def test_a_change_that_people_inside_would_feel_is_confirmed_first(site: Site, organiser: FlaskClient) -> None:
    site.enter("p1", "p2", "p4")
    path = "/programme/sessions/keynote"
    wanted = fields(organiser, path) | {"capacity": "2"}
    asked = post(organiser, path, wanted)
    assert asked.status_code == 409
    assert "3 are inside, more than 2" in asked.text
    assert "Save all the same" in asked.text
    assert 'name="capacity" value="2"' in asked.text
    sure = re.search(r'name="sure" value="([0-9a-f]+)"', asked.text)
    assert sure
    assert post(organiser, path, wanted | {"sure": sure[1]}).status_code == 303
    refused = post(organiser, f"{path}/delete", {"mark": fields(organiser, path)["mark"]}, path)
    assert refused.status_code == 409
    assert "close it instead" in refused.text


def test_rooms_gates_and_categories_have_forms_and_a_limit_needs_a_second_person(site: Site) -> None:
    admin = site.signed_in("admin")
    room = {"name": "Attic", "inside": "venue", "limit": "40", "reserve": "", "exits": "none", "room": ""}
    assert post(admin, "/programme/rooms/new", room).location == "/programme/rooms/attic"
    page = admin.get("/programme/rooms/attic")
    assert "/supervision/capacity?room=attic" in page.text
    assert 'name="limit"' not in page.text
    assert "/supervision/capacity" not in site.signed_in("organiser").get("/programme/rooms/attic").text
    gate = {"name": "Stairs", "room": "attic", "from": "", "direction": "in", "gate": ""}
    assert post(admin, "/programme/gates/new", gate).location == "/programme/gates/stairs"
    category = {"name": "Guests", "colour": "#123456", "category": ""}
    assert post(admin, "/programme/categories/new", category).location == "/programme/categories/guests"
    assert post(admin, "/programme/categories/new", category | {"colour": "red"}).status_code == 400
    assert "no kiosk stands at Stairs" in read(admin.get("/programme/rooms"))


def test_a_room_s_form_offers_the_rooms_beside_it_for_when_it_is_full(organiser: FlaskClient) -> None:
    nook = {"name": "Nook", "inside": "hall", "limit": "", "reserve": "", "exits": "none", "room": ""}
    post(organiser, "/programme/rooms/new", nook)
    path = "/programme/rooms/hall"
    page = organiser.get(path).text
    offered = re.search(r'<select id="overflow".*?</select>', page, re.DOTALL)
    assert offered
    assert re.findall(r'value="(\w*)"', offered[0]) == ["", "salon", "club"]
    saved = post(organiser, path, {"mark": mark_of(organiser, path), "overflow": "salon"})
    assert saved.status_code == 303
    assert re.search(r'data-label="When full, to">The salon<', organiser.get("/programme/rooms").text)
    assert re.search(
        r"When it is full, people go to: <del>nothing</del>.*?<ins>The salon</ins>", organiser.get(saved.location).text
    )
    wrong = post(organiser, path, {"mark": mark_of(organiser, path), "overflow": "venue"})
    assert wrong.status_code == 400
    assert "choose another, or none" in wrong.text


def mark_of(client: FlaskClient, path: str) -> str:
    """The mark of the state that a form shows."""
    found = re.search(r'name="mark" value="([^"]*)"', client.get(path).text)
    assert found
    return found[1]


def test_people_are_found_added_pasted_and_taken_off_a_list(site: Site, organiser: FlaskClient) -> None:
    path = "/programme/sessions/dinner/list"
    assert "Person 12" in organiser.get(f"{path}?find=person+12").text
    assert post(organiser, path, {"do": "may", "refs": "p12"}).status_code == 303
    pasted = post(organiser, path, {"do": "may-not", "refs": "p5\r\np6", "paste": "1"})
    assert pasted.status_code == 303
    assert "3 may come, 2 may not" in organiser.get(path).text
    wrong = post(organiser, path, {"do": "may", "refs": "p7\np888\n<b>", "paste": "1"})
    assert wrong.status_code == 400
    assert "these are no references: <b>" in read(wrong)
    assert "p888" in wrong.text
    assert "3 may come" in wrong.text
    assert post(organiser, path, {"do": "remove", "refs": "p12"}).status_code == 303
    assert "2 may come, 2 may not" in organiser.get(path).text
    for odd in ({"do": "dance", "refs": "p1"}, {"do": "may", "refs": ""}, {"do": "may", "refs": "\0"}):
        assert post(organiser, path, dict(odd)).status_code == 400
    for query in ("page=-1", "page=99999999999999999999", "q=%FF%25", "find=%FF"):
        assert organiser.get(f"{path}?{query}").status_code == 200


def test_a_form_is_judged_while_it_is_filled_in(organiser: FlaskClient) -> None:
    bad = post(organiser, "/programme/sessions/check", NEW | {"ends": "2030-11-24T10:00"}, "/programme/sessions/new")
    assert "not after the beginning" in bad.get_json()["problems"]["ends"]
    post(organiser, "/programme/sessions/new", NEW)
    clash = post(organiser, "/programme/sessions/check", NEW | {"title": "Other"}, "/programme/sessions/new").get_json()
    assert clash["problems"] == {}
    assert clash["found"][0]["level"] == "impossible"
    assert "both in The hall from 10:00 to 11:00" in clash["found"][0]["what"]
    itself = NEW | {"ref": "late-talk"}
    assert post(organiser, "/programme/sessions/check", itself, "/programme/sessions/new").get_json()["found"] == []


def test_the_timetable_shows_a_day_its_rooms_and_what_is_wrong(organiser: FlaskClient) -> None:
    post(organiser, "/programme/sessions/new", NEW | {"theme": "Trust", "capacity": "33"})
    post(organiser, "/programme/sessions/new", NEW | {"title": "Clash"})
    page = read(organiser.get("/programme?day=2030-11-24"))
    assert "Late talk and Clash are both in" in page or "Clash and Late talk are both in" in page
    assert '<th scope="rowgroup" rowspan="2"><a href="/programme/rooms/hall">The hall</a>' in page
    assert '<td colspan="12" class="slot">' in page
    assert "at most 33" in page
    assert "Trust" in page
    for day in ("nonsense", "2030-02-31", "1"):
        assert organiser.get(f"/programme?day={day}").status_code == 200


def exchange(site: Site, version: int, wait_ms: int = 0) -> Answer:
    """A letter of the news lane of the kiosk at gate A, which says that it holds this version."""
    cursors = Cursors(programme=version, badges=0, presence=0)
    letter = site.kiosk.letter(lane=Lane.NEWS, cursors=cursors, wait_ms=wait_ms)
    body, headers = site.kiosk.seal(letter)
    answer = site.app.test_client().post("/api/v1/exchange", data=body, headers=headers)
    assert answer.status_code == 200
    return wire.decode_answer(answer.data)


def state(client: FlaskClient) -> dict[str, object]:
    found: dict[str, object] = client.get("/programme/kiosks/state").get_json()["kiosks"]["k-hall-a"]
    return found


def test_a_change_reaches_a_kiosk_and_the_page_shows_that_it_has_it(site: Site, organiser: FlaskClient) -> None:
    first = exchange(site, 0).programme
    assert first is not None
    exchange(site, first.programme.version)
    assert state(organiser)["has"] == "yes"
    path = "/programme/sessions/panel"
    assert post(organiser, path, fields(organiser, path) | {"title": "Changed"}).status_code == 303
    behind = state(organiser)
    assert (behind["has"], behind["word"]) == ("waiting", "not yet")
    assert str(behind["heard"]).endswith("s ago")
    news = until_news(site, first.programme.version)
    assert next(one.title for one in news.programme.sessions if one.id == "panel") == "Changed"
    exchange(site, news.programme.version)
    assert (state(organiser)["has"], state(organiser)["version"]) == ("yes", news.programme.version)
    assert "1 of 6 kiosks" in organiser.get("/programme/kiosks").text


def until_news(site: Site, version: int) -> wire.ProgrammeNews:
    """The kiosk asks, as it does all the time, until there is a programme for it; the picture is up to a second old."""
    end = utc_now() + timedelta(seconds=10)
    while utc_now() < end:
        if (news := exchange(site, version, wait_ms=5000).programme) is not None:
            return news
    raise AssertionError("the change did not reach the kiosk within 10 s")


def test_a_kiosk_that_waits_is_told_at_once_and_of_lists_too(site: Site, organiser: FlaskClient) -> None:
    hub = site.app.extensions["threshold"].hub
    before = hub.counts((NEWS, ROOMS))
    path = "/programme/sessions/dinner/list"
    assert post(organiser, path, {"do": "may", "refs": "p7"}).status_code == 303
    assert hub.counts((NEWS, ROOMS)) == tuple(count + 1 for count in before)
    post(organiser, path, {"do": "may", "refs": "p7, p777"})
    assert hub.counts((NEWS, ROOMS)) == tuple(count + 1 for count in before), "nothing was written, nobody is told"
    first = exchange(site, 0)
    assert first.programme is not None
    held, heard = first.programme.programme.version, list[float]()
    came = threading.Thread(target=lambda: heard.append(_wait(site, held)))
    came.start()
    panel = "/programme/sessions/panel"
    assert post(organiser, panel, fields(organiser, panel) | {"title": "Now"}).status_code == 303
    came.join(15)
    assert heard, "the kiosk waited for longer than 15 s"
    assert heard[0] < 10


def _wait(site: Site, held: int) -> float:
    began = time.monotonic()
    until_news(site, held)
    return time.monotonic() - began


def test_a_kiosk_that_is_silent_is_said_to_be(site: Site, organiser: FlaskClient) -> None:
    assert state(organiser)["word"] == "has never spoken"
    exchange(site, 0)
    hours_ago = int((utc_now() - timedelta(hours=1)).timestamp() * 1000)
    site.store.write(lambda c: c.execute(schema.incarnation.update().values(heard=hours_ago)).rowcount)
    told = state(organiser)
    assert told["word"] == "silent"
    assert re.fullmatch(r"since (\d{4}-\d\d-\d\d )?\d\d:\d\d", str(told["heard"]))


def test_times_are_the_venues(organiser: FlaskClient, site: Site) -> None:
    post(organiser, "/programme/sessions/new", NEW)
    with site.store.read() as connection:
        starts = connection.execute(
            select(schema.session.c.starts).where(schema.session.c.id == "late-talk")
        ).scalar_one()
    assert starts == int(datetime.fromisoformat("2030-11-24T10:00+05:30").timestamp() * 1000)
    assert 'value="2030-11-24T10:00"' in organiser.get("/programme/sessions/late-talk").text


def test_a_time_that_comes_twice_is_asked_for_in_the_form(site: Site, organiser: FlaskClient) -> None:
    paris = schema.event.update().values(timezone="Europe/Paris")
    site.store.write(lambda c: c.execute(paris).rowcount)
    site.store.write(lambda c: c.execute(schema.version.update().values(value=schema.version.c.value + 1)).rowcount)
    twice = NEW | {"starts": "2030-10-27T02:30", "ends": "2030-10-27T05:00"}
    asked = post(organiser, "/programme/sessions/new", twice)
    assert asked.status_code == 400
    assert "02:30 comes twice on this day" in asked.text
    assert 'name="starts_fold"' in asked.text
    assert 'name="ends_fold"' not in asked.text
    assert post(organiser, "/programme/sessions/new", twice | {"starts_fold": "1"}).status_code == 303
    assert '<option value="1" selected>' in organiser.get("/programme/sessions/late-talk").text
