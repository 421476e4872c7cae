"""Sweep and lockdown over HTTP: one act closes, a category opens, the gates that know are told apart; thresholds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, select, update
from werkzeug.test import TestResponse

from admission import wire
from admission.venue import Room
from admission.wire import Cursors, Lane
from server import restore, trail
from server.store import schema, versions
from server.store.engine import migrate, open_store
from server.store.instants import to_ms
from server.users import Role
from tests.pages import Site, token
from tests.world import PaperKiosk, utc_now

MAY = {"supervisor", "admin"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A venue of its own: what is closed here must be closed nowhere else."""
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def post(client: FlaskClient, path: str, page: str = "/sweep", **form: object) -> TestResponse:
    return client.post(path, data=form | {"csrf_token": token(client.get(page))})


def only_of(site: Site) -> dict[str, int | None]:
    with site.store.read() as connection:
        return dict(connection.execute(select(schema.room.c.id, schema.room.c.only)).all())


def hears(site: Site) -> int:
    """The kiosk at gate A exchanges until it has the present programme; the version that it was sent."""
    held = Cursors()
    for _ in range(2):
        body, headers = site.kiosk.seal(site.kiosk.letter(lane=Lane.NEWS, cursors=held))
        answer = wire.decode_answer(site.app.test_client().post("/api/v1/exchange", data=body, headers=headers).data)
        site.kiosk.hear(answer)
        if answer.programme is not None:
            held = Cursors(programme=answer.programme.programme.version)
            closed = {room.id: room.only for room in answer.programme.programme.rooms}
    assert closed == only_of(site)
    return held.programme


def test_one_act_locks_the_whole_venue_and_says_which_gates_know(site: Site) -> None:
    client = site.signed_in("supervisor")
    assert "No room is locked" in client.get("/sweep").text
    before = client.get("/sweep/state").json
    answer = post(client, "/sweep/close", room="", why="Fire alarm", reason="smoke in the foyer")
    assert answer.status_code == 303
    assert set(only_of(site).values()) == {0}
    page = client.get("/sweep").text
    assert "The whole venue is locked" in page
    assert "0 of 5 gates show it" in page
    assert client.get("/sweep/state").json != before
    hears(site)
    assert "1 of 5 gates show it" in client.get("/sweep").text
    [act] = _acts(site)
    assert (act["kind"], act["reason"], act["by"]) == ("close", "Fire alarm: smoke in the foyer", "supervisor")


def _acts(site: Site) -> list[dict[str, object]]:
    with site.store.read() as connection:
        return [dict(row) for row in connection.execute(select(schema.act)).mappings()]


def test_a_waiting_kiosk_hears_of_a_lock_without_waiting_for_its_next_call(site: Site) -> None:
    hub = site.app.extensions["threshold"].hub
    seen = hub.counts(("news", "rooms"))
    post(site.signed_in("supervisor"), "/sweep/close", room="hall", why="Drill")
    assert all(now > then for now, then in zip(hub.counts(("news", "rooms")), seen, strict=True))


def test_one_room_is_locked_with_those_inside_it_and_opened_by_category(site: Site) -> None:
    client = site.signed_in("supervisor")
    post(client, "/sweep/close", room="hall", why="Overcrowding")
    assert only_of(site) == {"venue": None, "hall": 0, "salon": None, "club": None}
    assert "1 room is locked" in client.get("/sweep").text
    post(client, "/sweep/open", room="hall", whom="some", only=["press", "staff"], reason="cleared")
    mask = only_of(site)["hall"]
    assert mask is not None
    assert mask.bit_count() == 2
    assert "Open to Press, Staff only" in client.get("/sweep").text
    assert "open to Press, Staff only" in client.get("/board").text
    post(client, "/sweep/open", room="", whom="all", reason="over")
    assert set(only_of(site).values()) == {None}


@pytest.mark.parametrize("role", sorted(set(Role) - MAY))
def test_others_may_not(site: Site, role: str) -> None:
    client = site.signed_in(role)
    page = "/account" if role in ("viewer", "desk", "organiser", "auditor") else "/sweep"
    form = {"room": "", "why": "Drill", "csrf_token": token(client.get(page))}
    assert client.post("/sweep/close", data=form).status_code == 403
    assert client.post("/board/thresholds", data=form).status_code == 403
    assert set(only_of(site).values()) == {None}


@pytest.mark.parametrize(
    ("kind", "form", "why"),
    [
        ("close", {"room": "nowhere", "why": "Drill"}, "there is no room"),
        ("close", {"room": "hall", "why": "", "reason": " "}, "give a reason"),
        ("open", {"room": "hall", "whom": "some", "reason": "x"}, "Tick the categories"),
        ("open", {"room": "hall", "whom": "some", "only": "kings", "reason": "x"}, "there is no category kings"),
    ],
)
def test_what_cannot_be_is_said_and_closes_nothing(site: Site, kind: str, form: dict[str, str], why: str) -> None:
    answer = post(site.signed_in("admin"), f"/sweep/{kind}", **form)
    assert answer.status_code == 400
    assert why in answer.text
    assert set(only_of(site).values()) == {None}
    assert _acts(site) == []


def test_thresholds_change_every_board_and_are_written_down(site: Site) -> None:
    client = site.signed_in("supervisor")
    site.enter(*(f"p{n}" for n in range(10, 22)))
    levels = {room["id"]: room["level"] for room in site.app.extensions["threshold"].boards.look()["rooms"]}
    assert levels["hall"] == "calm"
    form = {"near": "10", "tight": "50", "full": "90", "edition": "0"}
    assert post(client, "/board/thresholds", "/board/thresholds", **form).status_code == 303
    levels = {room["id"]: room["level"] for room in site.app.extensions["threshold"].boards.look()["rooms"]}
    assert levels["hall"] == "near"
    assert "data-sound" not in client.get("/board").text
    with site.store.read() as connection:
        [step] = trail.newest(connection, about="setting")
    assert (step.by, step.facts["near"], step.facts["sound"]) == ("supervisor", 10, False)


@pytest.mark.parametrize("form", [{"near": "90"}, {"near": "0"}, {"full": "101"}, {"near": "x"}, {"near": ""}])
def test_thresholds_that_cannot_be_are_refused_with_what_was_typed(site: Site, form: dict[str, str]) -> None:
    given = {"near": "80", "tight": "90", "full": "100", "edition": "0"} | form
    answer = post(site.signed_in("admin"), "/board/thresholds", "/board/thresholds", **given)
    assert answer.status_code in (400, 409)
    assert 'role="alert"' in answer.text
    assert all(f'value="{value}"' in answer.text for name, value in given.items() if name != "edition" and value)


def test_of_two_who_set_thresholds_at_once_the_second_is_told(site: Site) -> None:
    client = site.signed_in("admin")
    form = {"near": "70", "tight": "90", "full": "100", "edition": "0"}
    assert post(client, "/board/thresholds", "/board/thresholds", **form).status_code == 303
    answer = post(client, "/board/thresholds", "/board/thresholds", **(form | {"near": "60"}))
    assert answer.status_code == 409
    assert "somebody else has changed this" in answer.text


def test_a_note_is_kept_with_the_incident_and_tells_open_pages(site: Site) -> None:
    site.enter("p1")
    site.enter("p1")  # twice
    client = site.signed_in("steward")
    before = client.get("/incidents/state").json
    with site.store.read() as connection:
        number = connection.execute(select(schema.incident.c.id)).scalars().first()
    answer = post(client, f"/incidents/{number}/note", "/incidents", note="<b>Seen</b> both at gate A")
    assert answer.status_code == 303
    page = client.get("/incidents").text
    assert "&lt;b&gt;Seen&lt;/b&gt; both at gate A" in page
    assert client.get("/incidents/state").json != before
    assert post(client, f"/incidents/{number}/note", "/incidents", note=" ").status_code == 409
    with site.signed_in("viewer").get("/board/stream", buffered=False) as stream:
        first = next(part for part in map(bytes, stream.iter_encoded()) if b"event: board" in part)
    board = json.loads(first.decode().split("data: ", 1)[1])
    assert board["incidents"] == {"open": 1, "grave": 0, "newest": number}


def test_after_a_restore_no_kiosk_takes_old_news_for_new_ones(site: Site) -> None:
    """The numbers of changes that were given out after the copy was made must not come again."""
    with site.store.read() as connection:
        copy = versions.current(connection, versions.PROGRAMME)
    held = copy + 1  # what a kiosk heard of a change that the copy does not know

    def put_back(connection: Connection) -> None:
        restore.raise_era(connection, 0, to_ms(utc_now()), {})

    site.store.write(put_back)
    post(site.signed_in("supervisor"), "/sweep/close", room="", why="Drill")
    body, headers = site.kiosk.seal(site.kiosk.letter(lane=Lane.NEWS, cursors=Cursors(programme=held)))
    answer = wire.decode_answer(site.app.test_client().post("/api/v1/exchange", data=body, headers=headers).data)
    assert answer.programme is not None
    assert {room.only for room in answer.programme.programme.rooms} == {0}


def test_a_kiosk_that_is_woken_by_a_lowered_limit_is_seated_under_the_new_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.enter("p1")
    parts = site.app.extensions["threshold"]
    held = Cursors(programme=hears(site), badges=parts.current.get().badges_version, presence=1 << 40)
    hub, wait = parts.hub, parts.hub.wait

    def lower(connection: Connection) -> None:
        connection.execute(update(schema.room).where(schema.room.c.id == "hall").values(limit=10, reserve=0))
        versions.bump(connection, versions.PROGRAMME)

    def lowered_meanwhile(topics: Sequence[str], seen: tuple[int, ...], _timeout: float) -> tuple[int, ...]:
        site.store.write(lower)
        hub.tell("rooms", "news")
        counts: tuple[int, ...] = wait(topics, seen, 0)
        return counts

    monkeypatch.setattr(hub, "wait", lowered_meanwhile)
    body, headers = site.kiosk.seal(site.kiosk.letter(lane=Lane.NEWS, cursors=held, wait_ms=4000))
    answer = wire.decode_answer(site.app.test_client().post("/api/v1/exchange", data=body, headers=headers).data)
    assert {room.limit for room in site_rooms(site) if room.id == "hall"} == {10}
    [grant] = answer.grants
    assert grant.target <= 10


def site_rooms(site: Site) -> tuple[Room, ...]:
    return site.app.extensions["threshold"].current.get().programme.rooms  # type: ignore[no-any-return]


def test_a_kiosk_that_has_begun_a_new_store_does_not_show_a_lock_that_only_its_old_one_knew(site: Site) -> None:
    client = site.signed_in("supervisor")
    post(client, "/sweep/close", room="hall", why="Drill")
    hears(site)
    assert "1 of 2 gates show it" in client.get("/sweep").text
    fresh = PaperKiosk(site.world.enrolments["hall-a"], "hall-a", "hall", incarnation=2)
    body, headers = fresh.seal(fresh.letter(lane=Lane.NEWS, cursors=Cursors()))
    assert site.app.test_client().post("/api/v1/exchange", data=body, headers=headers).status_code == 200
    assert "0 of 2 gates show it" in client.get("/sweep").text
