"""What the doors say: set on the page or by a command, written into the trail, and heard by kiosks at once."""

from __future__ import annotations

import html
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from admission.errors import ConfigError
from admission.venue import DOOR_LANGUAGES, Programme
from server import doors, event, programme, trail
from server.__main__ import main
from server.doors import Doors
from server.event import NewEvent
from server.live import NEWS, ROOMS
from server.store import versions
from server.store.engine import PostgresStore, SqliteStore, transaction
from server.trail import Who
from tests.pages import Site, token
from tests.world import ZONE

Either = SqliteStore | PostgresStore
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ME = Who("organiser", "10.0.0.1")
PAGE = "/programme/doors"


@pytest.fixture
def open_event(store: Either) -> Either:
    """An event that greets by name, on each kind of database."""
    begin(store, NewEvent(7, "Test summit", ZONE, NOW, show_names=True))
    return store


def begin(store: Either, new: NewEvent) -> None:
    store.write(lambda connection: event.start(connection, new, (os.urandom(32), os.urandom(32), os.urandom(32))))


def sent(store: Either) -> Programme:
    """What kiosks are told."""
    with store.read() as connection:
        return programme.read(connection, event.read(connection))


def test_what_the_doors_say_is_told_to_kiosks_and_written_into_the_trail(open_event: Either) -> None:
    before = sent(open_event)
    assert (before.show_names, before.languages) == (True, ())
    wanted = Doors(names=False, languages=("hi", "en"))
    assert open_event.write(lambda c: doors.change(c, wanted, doors.read(c).mark, ME, NOW))
    after = sent(open_event)
    assert (after.show_names, after.languages, after.version) == (False, ("hi", "en"), before.version + 1)
    with open_event.read() as connection:
        (step,) = trail.newest(connection, about=doors.ABOUT, ref=doors.REF)
    assert (step.by, step.what) == ("organiser", "changed")
    assert step.facts == {"names": ["yes", "no"], "languages": ["", "hi en"]}
    assert not open_event.write(lambda c: doors.change(c, wanted, "whatever", ME, NOW)), "it is so already"
    assert sent(open_event) == after


def test_of_two_who_set_the_doors_the_second_is_told_and_changes_nothing(open_event: Either) -> None:
    with open_event.read() as connection:
        seen = doors.read(connection).mark
    open_event.write(lambda c: doors.change(c, Doors(names=True, languages=("fr",)), seen, ME, NOW))
    version = sent(open_event).version
    with pytest.raises(ConfigError, match="somebody else"):
        open_event.write(lambda c: doors.change(c, Doors(names=True, languages=("ar",)), seen, ME, NOW))
    assert (sent(open_event).languages, sent(open_event).version) == (("fr",), version)


@pytest.mark.parametrize(("tags", "hint"), [(("de",), "no door speaks 'de'"), (("en", "fr", "EN"), "'en' comes twice")])
def test_a_door_is_told_only_languages_that_it_speaks_and_each_once(
    sqlite_store: Either, tags: tuple[str, ...], hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        begin(sqlite_store, NewEvent(7, "Test summit", ZONE, NOW, show_names=False, languages=tags))
    assert event.languages_of([" FR", *DOOR_LANGUAGES[2:]]) == ("fr", *DOOR_LANGUAGES[2:])


class TestThePage:
    @pytest.fixture
    def site(self, sqlite_store: Either) -> Site:
        """The small venue and its pages."""
        return Site(sqlite_store)

    @pytest.fixture
    def organiser(self, site: Site) -> FlaskClient:
        """An organiser who has signed in."""
        return site.signed_in("organiser")

    def test_names_and_languages_in_order_are_set_and_kiosks_are_told_at_once(
        self, site: Site, organiser: FlaskClient
    ) -> None:
        hub = site.app.extensions["threshold"].hub
        before = hub.counts((NEWS, ROOMS))
        form = shown(organiser)
        assert form == {"mark": "yes:", "names": "on"}
        picked = {"language-1": "ar", "language-4": "en"}
        assert organiser.post(PAGE, data=form | picked | secret(organiser)).status_code == 303
        assert hub.counts((NEWS, ROOMS)) == tuple(count + 1 for count in before)
        assert sent(site.store).languages == ("ar", "en"), "a place that is left free is passed over"
        again = shown(organiser)
        assert again == {"mark": "yes:ar en", "names": "on", "language-0": "ar", "language-1": "en"}
        del again["names"]
        assert organiser.post(PAGE, data=again | secret(organiser)).status_code == 303
        assert not sent(site.store).show_names
        text = html.unescape(organiser.get(PAGE).text)
        assert "Languages: <del>nothing</del>" in text
        assert "<ins>Arabic, English</ins>" in text
        assert "2 steps" in text

    def test_nothing_different_is_told_to_nobody(self, site: Site, organiser: FlaskClient) -> None:
        with site.store.read() as connection:
            before = versions.current(connection, versions.PROGRAMME)
        assert organiser.post(PAGE, data=shown(organiser) | secret(organiser)).status_code == 303
        assert "Nothing was different" in organiser.get(PAGE).text
        assert sent(site.store).version == before

    @pytest.mark.parametrize(("languages", "hint"), [(("en", "en"), "comes twice"), (("de",), "no door speaks")])
    def test_what_cannot_be_is_said_and_what_was_typed_is_kept(
        self, site: Site, organiser: FlaskClient, languages: tuple[str, ...], hint: str
    ) -> None:
        typed = {f"language-{place}": tag for place, tag in enumerate(languages)}
        refused = organiser.post(PAGE, data={"mark": "yes:"} | typed | secret(organiser))
        assert refused.status_code == 400
        assert hint in refused.text
        assert 'aria-invalid="true"' in refused.text
        assert 'name="names" checked' not in refused.text
        assert (refused.text.count('value="en" selected'), sent(site.store).show_names) == (languages.count("en"), True)

    def test_whoever_comes_second_sees_how_it_is_now(self, site: Site, organiser: FlaskClient) -> None:
        mine, admin = shown(organiser), site.signed_in("admin")
        assert admin.post(PAGE, data=shown(admin) | {"language-0": "ru"} | secret(admin)).status_code == 303
        lost = organiser.post(PAGE, data=mine | {"language-0": "zh"} | secret(organiser))
        assert lost.status_code == 409
        assert "somebody else has changed this" in lost.text
        assert 'value="ru" selected' in lost.text
        assert sent(site.store).languages == ("ru",)

    def test_only_organisers_set_the_doors(self, site: Site) -> None:
        steward = site.signed_in("steward")
        csrf = {"csrf_token": token(steward.get("/account"))}
        assert steward.post(PAGE, data={"mark": "yes:", "language-0": "ru"} | csrf).status_code == 403


def shown(client: FlaskClient) -> dict[str, str]:
    """What the form holds."""
    text = client.get(PAGE).text
    mark = re.search(r'name="mark" value="([^"]*)"', text)
    assert mark
    selects = re.findall(r'<select id="(language-\d)".*?</select>', text, re.DOTALL)
    assert len(selects) == len(DOOR_LANGUAGES)
    chosen = re.findall(r'<select id="(language-\d)"(?:(?!</select>).)*?value="(\w+)" selected', text, re.DOTALL)
    names = {"names": "on"} if 'name="names" checked' in text else {}
    return {"mark": mark[1]} | names | dict(chosen)


def secret(client: FlaskClient) -> dict[str, str]:
    return {"csrf_token": token(client.get(PAGE))}


def run(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--data", str(folder), *words])
    return result.exit_code, result.output


def test_the_commands_say_what_the_page_says(tmp_path: Path) -> None:
    start = ("init", "--name", "E", "--timezone", "UTC", "--language", "en", "--language", "es")
    assert run(tmp_path, *start)[0] == 0
    assert run(tmp_path, "doors") == (0, "nobody is greeted by name; languages: en, es\n")
    done = run(tmp_path, "doors", "--show-names")
    assert done == (0, "people are greeted by name; languages: en, es; kiosks in reach know within seconds\n")
    assert run(tmp_path, "doors", "--languages", "zh, fr")[1].startswith(
        "people are greeted by name; languages: zh, fr;"
    )
    assert run(tmp_path, "doors", "--languages", "zh,fr")[1].endswith("; it was so before\n")
    assert "as kiosks usually speak" in run(tmp_path, "doors", "--languages", "", "--hide-names")[1]
    code, said = run(tmp_path, "doors", "--languages", "tlh")
    assert (code, "no door speaks 'tlh'" in said) == (1, True)
    with transaction(f"sqlite:///{tmp_path / 'threshold.db'}") as connection:
        steps = trail.newest(connection, about=doors.ABOUT, ref=doors.REF)
    assert [step.by for step in steps] == ["the command line"] * 3
