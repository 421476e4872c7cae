"""People at the desk and in the office: found, walked in, corrected, their badges and sessions changed, every act in
the trail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from admission import badge as tokens
from admission import record
from server import directory, imports, people, trail
from server.directory import Wanted
from server.people import Facts
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.trail import Step, Who
from tests.pages import EVIL, Site, token
from tests.world import World, table, utc_now

Either = SqliteStore | PostgresStore
WHO = Who("tester", "::1")
HOSTILE = (EVIL, "=1+1", 'O\'Neill, "Tip"', "محمد الأحمدي", "王小明", "x" * 200)
PEOPLE = "/people"


@pytest.fixture
def site(sqlite_store: Either) -> Site:
    """The pages over a venue of their own."""
    return Site(sqlite_store)


@pytest.fixture
def venue(store: Either, world: World) -> Either:
    """The small venue on each kind of database."""
    return store


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages over a venue that these tests only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('people') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def steps(store: Either, ref: str) -> list[Step]:
    """What was done to somebody."""
    with store.read() as connection:
        return trail.deeds(connection, "person", ref, 100)


def found(store: Either, **wanted: str | bool) -> list[str]:
    with store.read() as connection:
        return [one.row["ref"] for one in directory.page(connection, Wanted(**wanted)).people]  # type: ignore[arg-type]


def post(client: FlaskClient, path: str, page: str = f"{PEOPLE}/p1", **form: object) -> object:
    return client.post(path, data=form | {"csrf_token": token(client.get(page))})


def correction(client: FlaskClient, ref: str = "p1", **form: object) -> dict[str, object]:
    """The form of a person's page as it stands, with these changes."""
    plain = {"name": "Person 1", "organisation": "Org 1", "delegation": "Land 1", "category": "press", "language": "en"}
    page = client.get(f"{PEOPLE}/{ref}")
    edition = page.text.partition('name="edition" value="')[2].partition('"')[0]
    return plain | {"edition": edition, "csrf_token": token(page)} | form


class TestTheDirectory:
    def test_somebody_is_found_by_any_part_in_any_script_case_and_order(self, venue: Either) -> None:
        rows = table("person|name|organisation|delegation|category", "x1|محمد الأحمدي|水利部|Côte d'Ivoire|press")
        venue.write(lambda c: imports.run(c, {"people": rows}, os.urandom))
        for words in ("الأحمدي محمد", "水利", "cote d'iv", "X1", "محمد 水利部"):
            assert found(venue, q=words) == ["x1"], words
        assert found(venue, q="person 37 land 2") == ["p37"]
        assert found(venue, q="100%") == []

    def test_a_badge_s_number_finds_its_holder(self, store: Either, world: World) -> None:
        serial = tokens.serial_of(world.badge_ids["p7"])
        assert "p7" in found(store, q=f"#{serial}")

    def test_filters_tell_badges_apart(self, venue: Either) -> None:
        venue.write(lambda c: people.revoke(c, "p3", "lost", (WHO, utc_now())))
        facts = Facts("Walk In", "", "Land 9", 1, 0, "")
        ref = venue.write(lambda c: people.walk_in(c, facts, WHO, utc_now()))
        assert found(venue, badge=directory.NONE) == [ref]
        assert found(venue, badge=directory.REVOKED) == ["p3"]
        assert len(found(venue, badge=directory.LIVE)) == directory.PAGE
        assert found(venue, delegation="Land 9") == [ref]
        assert found(venue, category="press", q="person p1") == ["p1", "p10", "p13", "p16", "p19"]

    def test_pages_follow_each_other_without_gap_or_repeat_both_ways(self, venue: Either) -> None:
        with venue.read() as connection:
            first = directory.page(connection, Wanted())
            assert first.after is not None
            second = directory.page(connection, Wanted(), after=first.after)
            assert second.before is not None
            back = directory.page(connection, Wanted(), before=second.before)
        refs = [[one.row["ref"] for one in page.people] for page in (first, second, back)]
        assert (first.count, len(refs[0]), len(refs[1])) == (60, 50, 10)
        assert not set(refs[0]) & set(refs[1])
        assert refs[2] == refs[0]
        assert (first.before, second.after) == (None, None)

    @pytest.mark.parametrize("query", ["q=" + "a" * 5000, "badge=99", "q=%23" + "9" * 300, "q=%25%5F!"])
    def test_hostile_questions_find_nobody_and_break_nothing(self, still: Site, query: str) -> None:
        assert still.signed_in("desk").get(f"{PEOPLE}?{query}").status_code == 200


class TestAPersonsPage:
    def test_it_says_all_that_is_known_and_escapes_it(self, site: Site) -> None:
        site.enter("p1")
        page = site.signed_in("organiser").get(f"{PEOPLE}/p1").text
        for part in ("Person 1", "Org 1", "Land 1", "Valid", "The hall", "on the session&#39;s list", "/log/person/p1"):
            assert part in page
        assert "<script>alert(1)" not in site.signed_in("desk").get(f"{PEOPLE}/p9").text

    @pytest.mark.parametrize("ref", ["nobody", "%00", "x" * 3000, "-", "p1%20", "P1/../p2"])
    def test_a_reference_that_nobody_has_is_not_found(self, still: Site, ref: str) -> None:
        assert still.signed_in("desk").get(f"{PEOPLE}/{ref}").status_code == 404

    def test_somebody_called_like_a_page_is_reached_all_the_same(self, site: Site) -> None:
        rows = table("person|name|category", "new|Newton|press")
        site.store.write(lambda c: imports.run(c, {"people": rows}, os.urandom))
        client = site.signed_in("desk")
        assert f"{PEOPLE}/-new" in client.get(f"{PEOPLE}?q=newton").text
        assert "Newton" in client.get(f"{PEOPLE}/-new").text

    def test_pages_stay_small(self, still: Site) -> None:
        client = still.signed_in("organiser")
        static = Path(__file__).parents[2] / "server/web/static"
        ours = sum((static / name).stat().st_size for name in ("threshold.css", "page.js", "people.css", "people.js"))
        for path in (
            PEOPLE,
            f"{PEOPLE}/p1",
            f"{PEOPLE}/new",
            f"{PEOPLE}/delegations",
            f"{PEOPLE}/delegations/Land%201",
        ):
            assert len(client.get(path).data) + ours < 150_000, path


class TestAWalkIn:
    def add(self, client: FlaskClient, **form: str) -> object:
        return post(client, f"{PEOPLE}/new", f"{PEOPLE}/new", **{"category": "press"} | form)

    def test_the_desk_adds_somebody_and_has_the_badge_at_once(self, site: Site) -> None:
        desk = site.signed_in("desk")
        for number in (1, 2):
            answer = self.add(desk, name=f"Walker {number}", then="print", organisation="Here")
            assert answer.status_code == 303  # type: ignore[attr-defined]
            page = desk.get(answer.location)  # type: ignore[attr-defined]
            assert f"w-000{number}" in page.text
            file = page.text.partition("/badges/prints/")[2].partition('"')[0]
            assert desk.get(f"/badges/prints/{file}").data.startswith(b"%PDF")
        assert [step.what for step in steps(site.store, "w-0001")] == ["added"]

    def test_a_likely_double_is_asked_about_and_may_be_added_all_the_same(self, site: Site) -> None:
        desk = site.signed_in("desk")
        answer = self.add(desk, name="  1 PERSON ")
        assert answer.status_code == 409  # type: ignore[attr-defined]
        assert "Person 1" in answer.text  # type: ignore[attr-defined]
        assert found(site.store, badge=directory.NONE) == []
        assert self.add(desk, name="1 PERSON", sure="1").status_code == 303  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("form", "said"),
        [
            ({"name": "  "}, "is empty; fill it in"),
            ({"name": "a\x07b"}, "control character"),
            ({"name": "x" * 201}, "has 201 characters"),
            ({"name": "A", "category": "king"}, "choose one of the categories"),
            ({"name": "A", "language": "<b>"}, "is no language tag"),
            ({"name": "A", "zones": "99999999999999999999"}, "is no zone"),
        ],
    )
    def test_what_cannot_be_is_said_and_kept_in_the_form(self, still: Site, form: dict[str, str], said: str) -> None:
        answer = self.add(still.signed_in("desk"), organisation="Kept & safe", **form)
        assert answer.status_code == 400  # type: ignore[attr-defined]
        assert said in answer.text  # type: ignore[attr-defined]
        assert "Kept &amp; safe" in answer.text  # type: ignore[attr-defined]

    def test_any_name_is_taken_as_it_is(self, site: Site) -> None:
        desk = site.signed_in("desk")
        for name in HOSTILE:
            self.add(desk, name=name, sure="1")
        with site.store.read() as connection:
            names = set(connection.execute(select(schema.person.c.name)).scalars())
        assert names >= set(HOSTILE)


class TestACorrection:
    def test_a_new_name_is_sealed_into_the_same_badge_and_stands_in_no_trail(self, site: Site) -> None:
        client = site.signed_in("organiser")
        answer = client.post(f"{PEOPLE}/p1/correct", data=correction(client, name="Corrected Name"))
        assert answer.status_code == 303
        with site.store.read() as connection:
            [row] = connection.execute(select(schema.badge).where(schema.badge.c.serial == 1)).all()
        opened = record.unseal(site.world.tokens["p1"], bytes(row.box))
        assert opened is not None
        assert opened.name == "Corrected Name"
        [step] = steps(site.store, "p1")
        assert step.facts == {"fields": ["name"]}
        assert "Corrected Name" not in str(step)
        assert found(site.store, q="corrected") == ["p1"]

    def test_a_new_category_asks_for_a_new_badge(self, site: Site) -> None:
        client = site.signed_in("organiser")
        client.post(f"{PEOPLE}/p1/correct", data=correction(client, category="staff"))
        page = client.get(f"{PEOPLE}/p1").text
        assert "Out of date" in page
        post(client, f"{PEOPLE}/p1/reprint", why="corrected", layout="cr80")
        page = client.get(f"{PEOPLE}/p1").text
        assert "Out of date" not in page
        assert "corrected" in page

    def test_of_two_who_edit_at_once_the_second_is_shown_what_the_first_did(self, site: Site) -> None:
        first, second = site.signed_in("organiser"), site.signed_in("admin")
        theirs = correction(second, name="From The Second")
        first.post(f"{PEOPLE}/p1/correct", data=correction(first, organisation="From The First"))
        answer = second.post(f"{PEOPLE}/p1/correct", data=theirs)
        assert answer.status_code == 409
        for part in ("somebody else has changed", "From The First", "From The Second"):
            assert part in answer.text
        with site.store.read() as connection:
            row = people.find(connection, "p1")
        assert (row["name"], row["organisation"]) == ("Person 1", "From The First")

    @pytest.mark.parametrize("edition", ["", "-1", "1e3", "9" * 40, "²"])
    def test_an_edition_that_cannot_be_is_refused(self, still: Site, edition: str) -> None:
        client = still.signed_in("organiser")
        assert client.post(f"{PEOPLE}/p1/correct", data=correction(client, edition=edition)).status_code == 400


class TestBadgesAndSessions:
    def test_a_lost_badge_is_replaced_and_the_old_one_revoked_for_that(self, venue: Either) -> None:
        serial = venue.write(lambda c: people.replace(c, "P1", "lost", (WHO, utc_now(), os.urandom)))
        with venue.read() as connection:
            rows = connection.execute(select(schema.badge).where(schema.badge.c.person == 1)).all()
        old = next(row for row in rows if row.serial != serial)
        assert (old.revoked_why, old.replaced_by) == ("lost", serial)
        [step] = steps(venue, "p1")
        assert step.facts == {"badge": serial, "instead_of": [old.serial], "why": "lost"}

    def test_a_badge_is_revoked_with_a_reason_or_not_at_all(self, site: Site) -> None:
        desk = site.signed_in("desk")
        assert post(desk, f"{PEOPLE}/p2/revoke", why=" ").status_code == 400  # type: ignore[attr-defined]
        assert post(desk, f"{PEOPLE}/p2/revoke", why="left in a <taxi>").status_code == 303  # type: ignore[attr-defined]
        assert "left in a &lt;taxi&gt;" in desk.get(f"{PEOPLE}/p2").text
        [step] = steps(site.store, "p2")
        assert (step.what, "taxi" in str(step.facts)) == ("revoked", False)

    def test_a_session_s_list_is_changed_person_by_person(self, venue: Either) -> None:
        act = (WHO, utc_now())
        for may in (True, False, None):
            venue.write(lambda c, may=may: people.set_right(c, "p5", "dinner", may, act))  # type: ignore[misc]
            with venue.read() as connection:
                listed = select(schema.listing.c.may).where(schema.listing.c.person == 5)
                assert list(connection.execute(listed).scalars()) == ([] if may is None else [may])
        assert [step.facts["may"] for step in steps(venue, "p5")] == ["", "no", "yes"]

    @pytest.mark.parametrize("form", [{"session": "nowhere", "may": "yes"}, {"session": "", "may": "no"}, {"may": "?"}])
    def test_a_session_that_is_none_is_refused(self, still: Site, form: dict[str, str]) -> None:
        answer = post(still.signed_in("organiser"), f"{PEOPLE}/p1/sessions", **form)
        assert answer.status_code == 400  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "auditor"])
def test_people_are_shown_to_the_desk_and_organisers_only(still: Site, role: str) -> None:
    client = still.signed_in(role)
    for path in (PEOPLE, f"{PEOPLE}/p1", f"{PEOPLE}/new", f"{PEOPLE}/import", f"{PEOPLE}/delegations"):
        assert client.get(path).status_code == 403, path


def test_the_desk_corrects_nobody_and_imports_nothing(still: Site) -> None:
    desk = still.signed_in("desk")
    for act in ("correct", "sessions"):
        assert post(desk, f"{PEOPLE}/p1/{act}").status_code == 403  # type: ignore[attr-defined]
    assert desk.get(f"{PEOPLE}/import").status_code == 403


def test_nothing_is_done_without_the_form_s_token(still: Site) -> None:
    client = still.signed_in("organiser")
    for path in (f"{PEOPLE}/new", f"{PEOPLE}/p1/correct", f"{PEOPLE}/p1/revoke", f"{PEOPLE}/p1/print", "/badges/print"):
        assert client.post(path, data={"name": "X", "why": "y", "category": "press"}).status_code == 400, path
