"""Erasing one person: their name is nowhere, their badge opens nothing, and every count, chain and proof stays."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Table, insert, select, update

from admission import seats
from admission.errors import ConfigError
from admission.venue import Exits
from server import acts, badges, disclosure, erasure, trail, tray, workshop
from server.acts import Actor
from server.event import zone_of
from server.store import quotas, schema
from server.store.engine import migrate, open_store
from server.store.holders import Holder
from server.store.instants import to_ms
from server.store.schema import act, badge, export, incident, listing, passage, person, printed, quota, setting, stay
from server.store.schema import trail as trail_table
from server.traces import Cut
from server.trail import Who
from server.users import Role
from tests.pages import EVIL, Site, token
from tests.server.audit_day import day, enter, leave, wrongs
from tests.server.desk import Server, badge_of, verdicts
from tests.server.test_retention import counts
from tests.world import ZONE, utc_now

WHO = Who("organiser", "10.0.0.1")


def erase(server: Server, ref: str, typed: str | None = None, reason: str = "asked for it") -> Cut:
    words = (ref, ref if typed is None else typed, reason)
    return server.store.write(lambda c: erasure.erase(c, *words, WHO, server.now))[1]


def came(server: Server) -> int:
    """How many of Land 1 attended the keynote, as a door is told that asks for p60."""
    with server.store.read() as connection:
        number = connection.execute(select(person.c.id).where(person.c.ref == "p60")).scalar_one()
        over = quotas.exceeded(connection, Holder(number, number, None), "keynote")
    assert over is not None
    return int(str(over["came"])) - 1


def rows(server: Server, table: Table) -> list[dict[str, object]]:
    """A table's rows, the oldest first."""
    return sorted(server.rows(table), key=lambda row: int(str(row["id"])))


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """One for a single test."""
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def _kept_file(site: Site) -> Path:
    """A file that was exported and not deleted yet."""
    folder = workshop.folder_of(site.store)
    folder.mkdir(exist_ok=True)
    path = folder / "threshold-log-1-1.csv"
    path.write_text("Person 22")
    row = {"format": "csv", "filters": '{"q":"erson 2"}', "by": "o", "at": 1, "state": "done", "file": path.name}
    site.store.write(lambda c: c.execute(insert(export).values(**row, ended=to_ms(utc_now()))))
    return path


def everything(server: Server) -> str:
    return "\n".join(str(server.rows(table)) for table in person.metadata.sorted_tables)


class TestErasing:
    def test_nothing_names_them_and_every_count_stays(self, server: Server) -> None:
        day(server)
        admin = Actor("admin", Role.ADMIN)
        server.store.write(lambda c: acts.ask(c, "forgive", {"person": "p5"}, admin, "Person 5 waits", server.now))
        server.store.write(lambda c: trail.note(c, WHO, 1, "viewed", "person", "p5", {"person": "p5"}))
        before = counts(server)
        done = erase(server, "p5")
        assert (done.people, done.badges, done.passages, done.stays) == (1, 1, 1, 1)
        assert counts(server) == before
        assert wrongs(server) == ""
        text = everything(server)
        assert "Person 5'" not in text
        assert "Person 5 " not in text
        assert "'p5'" not in text
        assert '"p5"' not in text
        assert "'Person 6'" in text  # nobody else

    def test_the_badge_is_revoked_and_leads_to_nobody(self, server: Server) -> None:
        day(server)
        number = badge_of(server, 5)
        before = next(row for row in server.rows(badge) if row["id"] == number)
        erase(server, "p5")
        row = next(row for row in server.rows(badge) if row["id"] == number)
        assert (row["person"], row["box"], row["lookup"]) == (None, b"", before["lookup"])
        assert row["revoked_why"] == "erased"
        assert row["revoked"] is not None
        assert int(str(row["changed"])) > int(str(before["changed"]))
        assert {r["badge"] for r in server.rows(passage)} >= {number}  # the chain holds the badge's id and no more
        assert [r["holder"] for r in server.rows(stay) if r["serial"] == number >> 32] == [-(number >> 32)]

    def test_the_trail_holds_what_finds_them_in_a_backup_and_leads_to_nobody_without_the_events_keys(
        self, plain: Server
    ) -> None:
        def traces() -> list[str]:
            with plain.store.read() as connection:
                return [erasure.tracer(connection)(ref) for ref in ("p5", "P5", "p6")]

        same, again, other = traces()
        assert same == again != other
        erase(plain, "p5")
        [said] = [row for row in plain.rows(schema.trail) if row["what"] == "erased"]
        assert f'"trace":"{same}"' in str(said["facts"])
        plain.store.write(lambda c: c.execute(update(schema.event).values(signing_seed=b"x" * 32)))
        assert traces()[0] != same

    def test_who_is_inside_stays_counted(self, plain: Server) -> None:
        day(plain)
        before = plain.inside()
        with plain.store.read() as connection:
            assert erasure.preview(connection, "p5").inside == ("The hall",)
        erase(plain, "p5")
        assert plain.inside() == before

    def test_the_trail_says_so_and_names_nobody(self, plain: Server) -> None:
        erase(plain, "p5", reason="Person 5 asked for it; P5 is gone")
        serial = badge_of(plain, 5) >> 32
        with plain.store.read() as connection:
            step = trail.newest(connection, 1)[0]
        assert (step.by, step.what, step.about, step.ref) == ("organiser", "erased", "person", f"badge {serial}")
        assert step.facts["reason"] == f"badge {serial} asked for it; P5 is gone"

    @pytest.mark.parametrize(
        ("ref", "typed", "reason", "says"),
        [
            ("p5", "p6", "asked", "type the reference p5"),
            ("p5", "", "asked", "type the reference p5"),
            ("p5", "p5", "  ", "give a reason"),
            ("nobody", "nobody", "asked", "nobody has the reference"),
            ("p5\0", "p5", "asked", "nobody has the reference"),
            ("x" * 5000, "x", "asked", "nobody has the reference"),
        ],
    )
    def test_it_needs_the_reference_and_a_reason(
        self, plain: Server, ref: str, typed: str, reason: str, says: str
    ) -> None:
        with pytest.raises(ConfigError, match=says):
            erase(plain, ref, typed, reason)
        assert len(plain.rows(person)) == 60

    def test_somebody_without_a_badge(self, plain: Server) -> None:
        plain.store.write(lambda c: c.exec_driver_sql("DELETE FROM badge WHERE person = 60"))
        ref = next(str(row["ref"]) for row in plain.rows(person) if row["id"] == 60)
        assert erase(plain, ref) == Cut(people=1)

    def test_somebody_whose_badge_was_reprinted_stays_one_body(self, server: Server) -> None:
        """They came in with the old badge, and never used the new one: the proof holds."""
        hall = server.kiosk("hall-a")
        server.exchange(hall)
        enter(server, hall, 5)
        server.exchange(hall)
        selection = badges.Selection(["p5"], reprint=True)
        fresh = server.store.write(lambda c: badges.issue(c, selection, server.now, os.urandom))[0]
        assert wrongs(server) == ""
        before = counts(server)
        erase(server, "p5")
        assert wrongs(server) == ""
        assert counts(server) == before
        assert {row["holder"] for row in server.rows(stay)} == {row["person"] for row in server.rows(passage)}
        assert {row["holder"] for row in server.rows(stay)} == {-fresh}

    def test_a_delegation_gets_no_place_back(self, server: Server) -> None:
        """Whoever was erased has attended: a quota that was used up stays so."""
        day(server)
        server.store.write(lambda c: c.execute(update(person).values(delegation="Land 1")))
        row = {"session": "keynote", "delegation": "Land 1", "most": 0}
        server.store.write(lambda c: c.execute(insert(quota).values(row)))
        before = came(server)
        assert before > 1
        erase(server, "p5")
        assert came(server) == before

    def test_lists_that_wait_to_be_imported_go(self, plain: Server) -> None:
        files = tray.Files("organiser", to_ms(plain.now), {"people": b""}, {"people": "people.csv"})
        plain.store.write(lambda c: tray.put(c, "abc", files))
        plain.store.write(lambda c: c.execute(insert(setting).values(name="traybake", value="{}")))
        erase(plain, "p5")
        assert {row["name"] for row in plain.rows(setting)} == {"traybake"}

    @pytest.mark.parametrize(
        ("name", "written"),
        [
            ("José García", ["José GARCÍA", "JOSÉ GARCÍA", "josé garcía", "Jose Garcia", "JOSE GARCIA", "José García"]),
            ("Işıl İnce", ["IŞIL İNCE", "ışıl ince", "Isil Ince", "işil ince"]),  # noqa: RUF001 - Turkish has two
            ("Isil Ince", ["IŞIL İNCE", "ISIL INCE", "Işıl İnce"]),  # noqa: RUF001 - Turkish has two
            ("Νίκος Παπαδόπουλος", ["ΝΙΚΟΣ ΠΑΠΑΔΟΠΟΥΛΟΣ", "ΝΊΚΟΣ ΠΑΠΑΔΌΠΟΥΛΟΣ", "νίκος παπαδόπουλος"]),
            ("Алексей Королёв", ["АЛЕКСЕЙ КОРОЛЁВ", "алексей королев"]),
            ("Jörg Strauß", ["JÖRG STRAUSS", "Jörg STRAUẞ", "jörg strauß"]),
            ("王小明", ["王小明"]),
            ('Ann "A\\B" O\'Neill', ['ANN "a\\b" O\'NEILL']),
        ],
    )
    def test_a_name_goes_in_whatever_letters_it_was_written(
        self, server: Server, name: str, written: list[str]
    ) -> None:
        server.store.write(lambda c: c.execute(update(person).where(person.c.ref == "p5").values(name=name)))
        kept = "É Personne, Νίκη, xJosé Garcíax"
        admin = Actor("admin", Role.ADMIN)
        for text in (*written, kept):
            said, facts = f"é: {text}, ok", {"note": f"«{text}»"}
            server.store.write(lambda c, said=said: acts.ask(c, "forgive", {"person": "p6"}, admin, said, server.now))  # type: ignore[misc]
            server.store.write(lambda c, facts=facts: trail.note(c, WHO, 1, "changed", "room", "hall", facts))  # type: ignore[misc]
        erase(server, "p5")
        mark = f"badge {badge_of(server, 5) >> 32}"
        assert [row["reason"] for row in rows(server, act)] == [f"é: {mark}, ok"] * len(written) + [f"é: {kept}, ok"]
        notes = [msgspec.json.decode(str(row["facts"]))["note"] for row in rows(server, trail_table) if row["at"] == 1]
        assert notes == [f"«{mark}»"] * len(written) + [f"«{kept}»"]

    def test_whoever_comes_next_is_somebody_else_under_another_number(self, plain: Server) -> None:
        """SQLite would give the last row's number out again."""
        day(plain)
        last = max(plain.rows(person), key=lambda row: int(str(row["id"])))
        erase(plain, str(last["ref"]))
        row = {k: v for k, v in last.items() if k != "id"} | {"ref": "new", "name": "New"}
        plain.store.write(lambda c: c.execute(insert(person).values(row)))
        assert max(int(str(row["id"])) for row in plain.rows(person)) > int(str(last["id"]))
        zone = zone_of(ZONE)
        with plain.store.read() as connection:
            found = disclosure.collect(connection, "new", zone)
        assert {name for name, rows in found.items() if rows} == {"person"}


class TestWhatArrivesLate:
    """A kiosk that was cut off brings passages of somebody who is erased by now: it is heard, and nothing breaks."""

    def test_the_exit_ends_the_stay_that_is_counted(self, server: Server) -> None:
        hall, out = server.kiosk("hall-a"), server.kiosk("hall-out")
        server.exchange(hall)
        server.exchange(out)
        enter(server, hall, 5)
        server.exchange(hall)
        leave(server, out, 5)
        out.account = seats.let_out(out.account, Exits.TRUSTED)
        erase(server, "p5")
        assert server.inside() == {"hall": 1}
        assert verdicts(server.exchange(out)) == ["accepted"]
        assert server.inside() == {}
        assert wrongs(server) == ""

    def test_an_entry_from_before_is_taken_and_one_from_after_is_told_of(self, server: Server) -> None:
        hall = server.kiosk("hall-a")
        server.exchange(hall)
        enter(server, hall, 5)
        server.now += timedelta(seconds=5)
        erase(server, "p5")
        enter(server, hall, 5)
        assert verdicts(server.exchange(hall)) == ["accepted", "revoked_meanwhile"]
        assert {row["kind"] for row in server.rows(incident)} == {"revoked_meanwhile"}
        assert {row["holder"] for row in server.rows(stay)} == {-(badge_of(server, 5) >> 32)}
        assert wrongs(server) == ""


class TestEverythingAboutOne:
    def collect(self, server: Server, ref: str) -> dict[str, list[dict[str, Any]]]:
        with server.store.read() as connection:
            return disclosure.collect(connection, ref, zone_of(ZONE))

    def test_it_holds_their_rows_and_nobody_elses(self, server: Server) -> None:
        day(server)
        admin = Actor("admin", Role.ADMIN)
        server.store.write(lambda c: acts.ask(c, "forgive", {"person": "p1"}, admin, "waits", server.now))
        server.store.write(lambda c: acts.ask(c, "forgive", {"person": "p2"}, admin, "waits", server.now))
        server.store.write(lambda c: trail.note(c, WHO, 1, "viewed", "person", "p1"))
        serial = badge_of(server, 1) >> 32
        server.store.write(lambda c: c.execute(insert(printed).values(serial=serial, at=1, by="d", what="printed")))
        found = self.collect(server, "p1")
        sizes = {name: len(rows) for name, rows in found.items() if rows}
        assert sizes == {
            "person": 1,
            "badges": 1,
            "rights": 1,
            "passages": 2,
            "stays": 1,
            "cards": 1,
            "acts": 1,
            "trail": 1,
        }
        assert found["person"][0]["name"] == "Person 1"
        assert found["passages"][0]["gate"] == "Hall A"
        assert str(found["passages"][0]["at"]).endswith("+05:30")
        assert found["rights"] == [{"session": "dinner", "title": "Dinner", "may": True}]

    def test_the_badges_code_is_not_in_it(self, plain: Server) -> None:
        day(plain)
        text = disclosure.as_json(self.collect(plain, "p1"), "Test", plain.now).decode()
        assert plain.world.tokens["p1"] not in text
        assert str(badge_of(plain, 1)) not in text
        assert "box" not in text

    def test_the_zip_opens_and_its_tables_are_harmless(self, plain: Server) -> None:
        day(plain)
        plain.store.write(lambda c: c.exec_driver_sql("UPDATE person SET name = '=1+1' WHERE ref = 'p1'"))
        whole = disclosure.as_zip(self.collect(plain, "p1"), "Test", plain.now)
        with zipfile.ZipFile(io.BytesIO(whole)) as folder:
            assert folder.testzip() is None
            said = msgspec.json.decode(folder.read("everything.json"))
            rows = list(csv.DictReader(io.StringIO(folder.read("person.csv").decode("utf-8-sig"))))
        assert said["person"]["rows"][0]["name"] == "=1+1"
        assert rows[0]["name"] == "'=1+1"
        assert said["passages"]["what"].startswith("Every time")

    def test_a_steward_is_given_what_they_vouched_for(self, plain: Server) -> None:
        day(plain)
        found = self.collect(plain, "p50")
        assert [row["kind"] for row in found["steward"]] == ["forced"]
        assert [row["kind"] for row in found["incidents"]] == ["forced"]


def test_search_finds_by_every_word_and_takes_signs_literally(plain: Server) -> None:
    with plain.store.read() as connection:
        assert [one.ref for one in erasure.search(connection, "PERSON 17")] == ["p17"]
        assert [one.ref for one in erasure.search(connection, "person 17 land")] == ["p17"]
        for text in ("", " ", "%", "_", "\0", "'; DROP TABLE person"):
            assert erasure.search(connection, text) == []


class TestPages:
    @pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk"])
    def test_other_roles_may_not(self, site: Site, role: str) -> None:
        client = site.signed_in(role)
        for path in (
            "/privacy",
            "/privacy/person",
            "/privacy/person/p1",
            "/privacy/person/p1/everything.zip",
            "/privacy/looks",
        ):
            assert client.get(path).status_code == 403, path

    def test_an_auditor_may_look_and_not_act(self, site: Site) -> None:
        client = site.signed_in("auditor")
        for path in ("/privacy", "/privacy/person?q=person", "/privacy/person/p1", "/privacy/looks"):
            page = client.get(path)
            assert page.status_code == 200
            assert "/erase" not in page.text
            assert "everything." not in page.text
        key = token(client.get("/privacy"))
        assert client.get("/privacy/person/p1/everything.json").status_code == 403
        form = {"csrf_token": key, "typed": "p1", "reason": "r", "days": "3"}
        assert client.post("/privacy/person/p1/erase", data=form).status_code == 403
        assert client.post("/privacy/retention", data=form).status_code == 403

    def test_a_name_full_of_markup_is_text(self, site: Site) -> None:
        client = site.signed_in("organiser")
        for path in ("/privacy/person/p9", "/privacy/person?q=script"):
            page = client.get(path)
            assert EVIL not in page.text
            assert "&lt;script&gt;" in page.text

    def test_hostile_addresses_are_no_crash(self, site: Site) -> None:
        client = site.signed_in("organiser")
        for path in (
            "/privacy/person/%00",
            "/privacy/person/none",
            f"/privacy/person/{'x' * 3000}",
            "/privacy/person/p1/everything.exe",
        ):
            assert client.get(path).status_code == 404, path
        for path in (
            "/privacy/person?q=%25",
            "/privacy/looks?before=99999999999999999999",
            "/privacy/looks?by=%25&before=-1",
        ):
            assert client.get(path).status_code == 200, path
        for path in ("/privacy/person?q=%00", "/privacy/looks?by=%00"):
            assert client.get(path).status_code in (200, 400), path

    def test_whoever_looks_is_written_down_and_listed(self, site: Site) -> None:
        client = site.signed_in("organiser")
        client.get("/privacy/person/p21")
        assert client.get("/privacy/person/p21/everything.json").json["person"]["rows"][0]["ref"] == "p21"  # type: ignore[index]
        site.store.write(lambda c: trail.note(c, WHO, 1, "took", "badge", "77"))
        page = client.get("/privacy/looks").text
        assert "Took: a badge <bdi>77</bdi>" in page
        assert "Exported: a person <bdi>p21</bdi>" in page
        assert "Viewed: a person <bdi>p21</bdi>" in page

    def test_erasing_asks_again_until_all_is_said(self, site: Site) -> None:
        site.enter("p22")
        client = site.signed_in("organiser")
        page = client.get("/privacy/person/p22")
        assert "inside now: The hall" in page.text
        key = token(page)
        wrong = client.post(
            "/privacy/person/p22/erase", data={"csrf_token": key, "typed": "p2", "reason": "their wish"}
        )
        assert wrong.status_code == 400
        assert "their wish" in wrong.text
        assert "type the reference p22" in wrong.text
        nul = client.post("/privacy/person/p22/erase", data={"csrf_token": key, "typed": "p22", "reason": "a\0"})
        assert nul.status_code == 400
        path = _kept_file(site)
        done = client.post("/privacy/person/p22/erase", data={"csrf_token": key, "typed": " P22 ", "reason": "wish"})
        assert done.status_code == 303
        assert not path.exists()
        with site.store.read() as connection:
            row = connection.execute(select(export)).mappings().one()
        assert (row["file"], row["filters"]) == ("", '{"q":"…"}')
        assert "Erased." in client.get("/privacy/person").text
        assert client.get("/privacy/person/p22").status_code == 404

    def test_a_setting_that_would_cut_at_once_is_asked_twice(self, own_site: Site) -> None:
        site = own_site  # everybody's name is gone afterwards
        client = site.signed_in("organiser")
        with site.store.read() as connection:
            before = len(connection.execute(select(person.c.id)).all())
        key = token(client.get("/privacy"))
        old = site.world.now - timedelta(days=5)
        site.store.write(lambda c: c.exec_driver_sql(f"UPDATE session SET ends = {int(old.timestamp() * 1000)}"))
        site.store.write(lambda c: c.exec_driver_sql("UPDATE badge SET issued = 1"))
        site.store.write(lambda c: c.exec_driver_sql("UPDATE passage SET received = 1"))
        form = {"csrf_token": key, "days": "3", "active": "on", "edition": "0"}
        asked = client.post("/privacy/retention", data=form)
        assert asked.status_code == 409
        assert "cannot be undone" in asked.text
        assert 'value="3"' in asked.text
        assert client.post("/privacy/retention", data=form | {"days": "40"}).status_code == 303
        late = client.post("/privacy/retention", data=form | {"days": "50"})
        assert late.status_code == 409
        assert "somebody else has changed this" in late.text
        assert 'value="50"' in late.text
        for days in ("", "-1", "3651", "1e3", "9" * 40, "٣", "\0"):
            assert client.post("/privacy/retention", data=form | {"days": days}).status_code == 400, days
        assert client.post("/privacy/retention", data=form | {"sure": "on", "edition": "1"}).status_code == 303
        assert "Names are cut within the hour" in client.get("/privacy").text
        site.app.extensions["threshold_retention"].look()
        page = client.get("/privacy").text
        assert "no name is kept any more" in page
        assert f"{before} people" in page


def test_the_tables_that_name_people_are_all_known(tmp_path: Path) -> None:
    """Whoever adds a table or column that can name somebody has to say here that erasing reaches it."""
    del tmp_path
    mine = {table.name for table in (act, badge, incident, listing, passage, person, printed, stay)}
    others = {"roll_mark", "roll_call", "incident_note", "companion", "export", "trail", "kept_count", "quota"}
    venue = {"event", "version", "badge_key", "category", "room", "book", "capacity", "gate", "session", "setting"}
    kiosks = {"device", "pairing", "incarnation", "health", "account", "quarantine"}
    consoles = {"user", "login", "api_key"}
    assert set(person.metadata.tables) == mine | others | venue | kiosks | consoles
