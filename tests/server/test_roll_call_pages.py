"""The roll call's pages and files: who may open them, what they post, what is told to a page that stays open."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server import imports, roll_call, trail
from server.store.engine import PostgresStore, SqliteStore
from server.store.schema import roll_mark
from server.users import Role
from server.web.auth import ROLL_CALLERS
from tests.pages import EVIL, Site, token
from tests.world import table

Either = SqliteStore | PostgresStore


@pytest.fixture
def site(sqlite_store: Either) -> Site:
    return Site(sqlite_store)


def begun(client: FlaskClient, **form: str) -> int:
    page = client.get("/roll-call")
    answer = client.post("/roll-call", data={"csrf_token": token(page), "room": "", "reason": "Smoke"} | form)
    assert answer.status_code == 303
    return int(answer.location.rsplit("/", 1)[1])


def posted(client: FlaskClient, number: int, **body: object) -> Any:
    page = client.get(f"/roll-call/{number}")
    return client.post(f"/roll-call/{number}/marks", json=body, headers={"X-CSRFToken": token(page)})


def test_the_other_roles_see_no_names(site: Site) -> None:
    number = begun(site.signed_in("steward"))
    for role in sorted(set(Role) - ROLL_CALLERS):
        client = site.signed_in(role.value)
        for path in (
            "",
            "/now",
            "/inside.csv",
            "/print",
            *(f"/{number}{of}" for of in ("", "/state", ".csv", "/print")),
        ):
            assert client.get(f"/roll-call{path}").status_code == 403, (role, path)
        form = {"csrf_token": token(client.get("/incidents" if role is Role.AUDITOR else "/board"))}
        for path in ("", f"/{number}/mark", f"/{number}/end"):
            assert client.post(f"/roll-call{path}", data=form).status_code == 403, (role, path)
        headers = {"X-CSRFToken": form["csrf_token"]}
        assert client.post(f"/roll-call/{number}/marks", json={}, headers=headers).status_code == 403


def test_nobody_who_is_signed_out_sees_anything(site: Site) -> None:
    for path in ("", "/now", "/inside.csv", "/print", "/1", "/1/state", "/1.csv"):
        assert site.app.test_client().get(f"/roll-call{path}").status_code == 302


def test_whoever_may_call_the_roll_begins_ticks_and_ends_without_a_script(site: Site) -> None:
    site.enter("p1", "p2")
    for role in sorted(ROLL_CALLERS):
        client = site.signed_in(role.value)
        number = begun(client)
        page = client.get(f"/roll-call/{number}")
        assert '<b data-count="open">2</b>' in page.text
        holder = state_of(client, number)["people"][0][0]
        form = {"csrf_token": token(page), "safe": str(holder), "by": "delegation"}
        assert client.post(f"/roll-call/{number}/mark", data=form).location == f"/roll-call/{number}?by=delegation"
        page = client.get(f"/roll-call/{number}")
        assert '<b data-count="open">1</b>' in page.text
        assert client.post(f"/roll-call/{number}/end", data={"csrf_token": token(page)}).status_code == 400
        assert client.post(f"/roll-call/{number}/end", data={"csrf_token": token(page), "sure": "1"}).status_code == 303
        page = client.get(f"/roll-call/{number}")
        assert 'data-roll="ended"' in page.text
        assert 'name="safe"' not in page.text


def state_of(client: FlaskClient, number: int, mark: str = "", since: int = 0) -> Any:
    return client.get(f"/roll-call/{number}/state?mark={mark}&since={since}").get_json()


def test_a_whole_delegation_is_marked_at_once(site: Site) -> None:
    site.enter("p1", "p6", "p2", "p11")  # the first two and the last are Land 1
    client = site.signed_in("steward")
    number = begun(client)
    page = client.get(f"/roll-call/{number}?by=delegation")
    answer = client.post(f"/roll-call/{number}/mark", data={"csrf_token": token(page), "whole": "Land 1"})
    assert "3 people are marked safe." in client.get(answer.location).text
    assert sum(safe for *_, safe in state_of(client, number)["marks"]) == 3


def test_the_script_posts_ticks_undos_and_scans_at_once(site: Site) -> None:
    site.enter("p1", "p2")
    client = site.signed_in("steward")
    number = begun(client)
    people = {row[1]: row[0] for row in state_of(client, number)["people"]}
    scans = [["a", site.world.tokens["p2"]], ["b", "no badge"], ["c", site.world.tokens["p4"]]]
    answer = posted(client, number, safe=[people["Person 1"]], scans=scans).get_json()
    assert [(one["key"], one["seen"]) for one in answer["scans"]] == [("a", "safe"), ("b", "foreign"), ("c", "missed")]
    marks = state_of(client, number)["marks"]
    at = next(mark[1] for mark in marks if mark[0] == people["Person 1"])
    posted(client, number, undo=[[people["Person 1"], at]])
    told = state_of(client, number)
    assert {mark[0]: mark[5] for mark in told["marks"]}[people["Person 1"]] == 0
    assert [row[-1] for row in told["people"] if row[1] == "Person 4"] == [1]  # not on the list


HOSTILE: list[object] = [
    *(None, [], "x", {"safe": "all"}, {"safe": [1.5]}, {"safe": [True]}, {"safe": [2**63]}, {"safe": [None]}),
    *({"undo": [1]}, {"undo": [[1, "x"]]}, {"scans": ["x"]}, {"scans": [["a", 5]]}, {"scans": [["a", "T" * 501]]}),
    *({"scans": [["a", "b"]] * 101}, {"safe": [1] * 5001}),
]


def test_marks_that_cannot_be_are_refused_whole(site: Site) -> None:
    client = site.signed_in("steward")
    number = begun(client)
    headers = {"X-CSRFToken": token(client.get(f"/roll-call/{number}")), "Content-Type": "application/json"}
    for body in HOSTILE:
        answer = client.post(f"/roll-call/{number}/marks", data=json.dumps(body), headers=headers)
        assert answer.status_code == 400, str(body)[:80]
    with site.store.read() as connection:
        assert connection.execute(select(roll_mark)).all() == []


def test_people_who_do_not_exist_are_passed_over(site: Site) -> None:
    client = site.signed_in("steward")
    number = begun(client)
    assert posted(client, number, safe=[999_999, 2**62]).status_code == 200
    assert state_of(client, number)["marks"] == []


def test_after_the_end_marks_are_answered_409_and_other_numbers_404(site: Site) -> None:
    site.enter("p1")
    client = site.signed_in("steward")
    number = begun(client)
    page = client.get(f"/roll-call/{number}")
    client.post(f"/roll-call/{number}/end", data={"csrf_token": token(page), "sure": "1"})
    assert posted(client, number, safe=[1]).status_code == 409
    late = client.post(
        f"/roll-call/{number}/mark", data={"csrf_token": token(page), "safe": "1"}, follow_redirects=True
    )
    assert "was ended by steward" in late.text
    for other in (number + 1, 2**63, 10**30):
        for path in ("", "/state", ".csv", "/print"):
            assert client.get(f"/roll-call/{other}{path}").status_code == 404
        headers = {"X-CSRFToken": token(page)}
        assert client.post(f"/roll-call/{other}/marks", json={}, headers=headers).status_code == 404


def test_without_the_token_nothing_is_marked(site: Site) -> None:
    client = site.signed_in("steward")
    number = begun(client)
    assert client.post(f"/roll-call/{number}/marks", json={"safe": [1]}).status_code == 400


def test_the_page_is_told_only_what_is_new(site: Site) -> None:
    site.enter("p1", "p2")
    client = site.signed_in("steward")
    first = client.get("/roll-call/now").get_json()
    assert (first["full"], len(first["people"])) == (True, 2)
    again = client.get(f"/roll-call/now?mark={first['mark']}").get_json()
    assert (again["full"], again["people"], again["gone"]) == (False, [], [])
    assert client.get("/roll-call/now?mark=nonsense").get_json()["full"]


def test_names_are_found_in_any_script_and_markup_is_text(site: Site) -> None:
    files = {
        "people": table("person|name|organisation|category", "p2|محمد الأحمدي|Wadi|press", "p1|Łódź Åsa|Org|press")
    }
    site.store.write(lambda c: imports.run(c, files, os.urandom))
    site.enter("p1", "p2", "p9")
    client = site.signed_in("steward")
    assert "Łódź Åsa" in client.get("/roll-call?q=lodz asa").text
    assert "محمد" in client.get("/roll-call?q=الاحمدي").text or "محمد" in client.get("/roll-call?q=محمد").text
    assert "Łódź" not in client.get("/roll-call?q=wadi").text
    text = client.get("/roll-call").text
    assert EVIL not in text
    assert "&lt;script&gt;" in text


def test_an_address_that_cannot_be_still_shows_a_list(site: Site) -> None:
    site.enter("p1")
    client = site.signed_in("steward")
    for query in ("q=%FF", "room=%FF", "room=nowhere", "by=x", "page=-1", "page=" + "9" * 40, "q=" + "x" * 5000):
        assert client.get(f"/roll-call?{query}").status_code == 200, query


def test_the_files_hold_everybody_and_no_formulas(site: Site) -> None:
    evil = table("person|name|organisation|delegation|category", "p2|=1+1|@SUM(1)|-2+3|press")
    site.store.write(lambda c: imports.run(c, {"people": evil}, os.urandom))
    site.enter("p1", "p2")
    client = site.signed_in("organiser")
    number = begun(client)
    posted(client, number, safe=[1])
    rows = list(csv.DictReader(io.StringIO(client.get(f"/roll-call/{number}.csv").text.removeprefix("\ufeff"))))
    assert {row["person"]: row["safe"] for row in rows} == {"p1": "yes", "p2": "no"}
    assert rows[0]["name"] == "'=1+1"
    assert {row["organisation"][:1] for row in rows} == {"'", "O"}
    answer = client.get("/roll-call/inside.csv?room=hall")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=threshold-roll-call-")
    assert [row["room"] for row in csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))] == ["The hall"] * 2


def test_whoever_looked_at_names_printed_or_took_them_is_in_the_trail(site: Site) -> None:
    site.enter("p1")
    client = site.signed_in("steward")
    number = begun(client)
    for path in ("", "/inside.csv", "/print?room=hall", f"/{number}", f"/{number}.csv", f"/{number}/state"):
        client.get(f"/roll-call{path}")
    with site.store.read() as connection:
        steps = trail.newest(connection, about=roll_call.ABOUT)
    told = [(one.what, one.ref, one.facts["room"]) for one in reversed(steps)]
    assert told == [
        ("viewed", "", ""),
        ("begun", str(number), ""),
        ("viewed", "", ""),
        ("exported", "", ""),
        ("printed", "", "hall"),
        ("viewed", str(number), ""),
        ("exported", str(number), ""),
    ]


def test_the_list_for_paper_has_everybody_and_where_and_when(site: Site) -> None:
    site.enter(*(f"p{n}" for n in range(1, 50) if n != 3))
    text = site.signed_in("steward").get("/roll-call/print").text
    assert text.count("<li class=person") == 48
    assert "Test summit" in text
    assert "Whole venue" in text


def test_the_list_turns_its_pages_without_a_script(site: Site) -> None:
    site.enter(*(f"p{n}" for n in range(1, 50) if n != 3))
    client = site.signed_in("steward")
    first, second = client.get("/roll-call").text, client.get("/roll-call?page=2").text
    assert (first.count('<li class="person"'), second.count('<li class="person"')) == (40, 8)
    assert 'rel="next" href="/roll-call?page=2"' in first


def test_the_page_may_read_codes_and_load_nothing_from_elsewhere(site: Site) -> None:
    client = site.signed_in("steward")
    policy = client.get(f"/roll-call/{begun(client)}").headers["Content-Security-Policy"]
    assert "'wasm-unsafe-eval'" in policy
    assert "unsafe-inline" not in policy
