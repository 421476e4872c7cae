"""The kiosk's own page: right without scripts, in step by events, and words for everything that can happen."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest

from admission.errors import ConfigError
from admission.rules import Why
from kiosk.face import Place, Shown, Status, refusal, screen
from kiosk.face.screen import Screen
from kiosk.face.words import ADVICE_LIMIT, TITLE_LIMIT, WORDS

WELCOME = Shown("welcome", "welcome", "Łukasz <b>Żółć</b>", "Keynote & more")


@pytest.fixture
def shown() -> Screen:
    """A screen at a door."""
    return Screen(lambda: Place("Door <A>", "The hall", "Asia/Kolkata"))


def page(one: Screen) -> str:
    """The page as a browser without scripts sees it."""
    reply = one.app().test_client().get("/")
    assert reply.status_code == 200
    return reply.get_data(as_text=True)


@contextmanager
def listening(one: Screen) -> Iterator[http.client.HTTPResponse]:
    """The events, over a real connection."""
    server = one.serve("127.0.0.1", 0)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        connection.request("GET", "/events")
        yield connection.getresponse()
    finally:
        connection.close()
        server.shutdown()
        server.server_close()


def next_event(reply: http.client.HTTPResponse) -> dict[str, Any]:
    """The next event's data."""
    lines = []
    while line := reply.readline().strip():
        lines.append(line)
    assert lines[0] == b"event: face"
    found = json.loads(lines[1].removeprefix(b"data: "))
    assert isinstance(found, dict)
    return found


class TestPage:
    def test_it_says_everything_without_a_script(self, shown: Screen) -> None:
        shown.show(WELCOME)
        shown.report(Status(link_up=False, queue=7, trouble="the disk is full", lists_as_of="14:05"))
        html = page(shown)
        said = unescape(re.sub(r"<[^>]*>", "", html))
        for words in ("Welcome", "Please go in.", "Łukasz <b>Żółć</b>", "Keynote & more", "Door <A>", "The hall"):
            assert words in said
        for words in ("the disk is full", "14:05", "7 waiting to be sent"):
            assert words in said
        assert 'data-state="welcome"' in html
        assert 'data-link="down"' in html
        assert '<noscript><meta http-equiv="refresh"' in html

    def test_what_a_name_holds_is_never_markup(self, shown: Screen) -> None:
        shown.show(WELCOME)
        assert "<b>Żółć" not in page(shown)
        assert "Door <A>" not in page(shown)

    def test_before_anything_happened_it_is_starting_up(self, shown: Screen) -> None:
        assert WORDS["starting"].title in page(shown)

    def test_nothing_in_it_needs_more_than_its_own_files(self, shown: Screen) -> None:
        client = shown.app().test_client()
        html = page(shown)
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", html)
        assert not re.search(r"<script(?![^>]*\ssrc=)", html)
        sources = re.findall(r'(?:src|href)="([^"]*)"', html)
        assert sources
        for source in sources:
            assert source.startswith("/static/")
            assert client.get(source).status_code == 200

    @pytest.mark.parametrize("path", ["/", "/static/face.js", "/nowhere"])
    def test_every_answer_forbids_anything_from_elsewhere(self, shown: Screen, path: str) -> None:
        policy = shown.app().test_client().get(path).headers["Content-Security-Policy"]
        assert policy == "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'"


class TestEvents:
    @pytest.fixture(autouse=True)
    def _no_heartbeat(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(screen, "HEARTBEAT_S", 60.0)

    def test_the_state_comes_at_once_and_again_whenever_it_changes(self, shown: Screen) -> None:
        with listening(shown) as reply:
            assert reply.headers["Content-Type"].startswith("text/event-stream")
            assert reply.headers["Cache-Control"] == "no-store"
            assert next_event(reply)["key"] == "starting"
            shown.show(WELCOME)
            event = next_event(reply)
            assert (event["state"], event["name"]) == ("welcome", WELCOME.name)
            assert [one["title"] for one in event["lines"]] == ["Welcome", "Bienvenue"]
            shown.report(Status(link_up=True, queue=3))
            event = next_event(reply)
            assert (event["link"], event["queue"], event["state"]) == ("up", 3, "welcome")

    def test_the_same_outcome_twice_is_two_events(self, shown: Screen) -> None:
        with listening(shown) as reply:
            next_event(reply)
            for _ in range(3):
                shown.show(WELCOME)
                assert next_event(reply)["key"] == "welcome"

    def test_waiting_on_and_on_is_no_news(self, shown: Screen) -> None:
        with listening(shown) as reply:
            next_event(reply)
            for _ in range(50):
                shown.show(Shown("waiting", "waiting"))
                shown.report(Status(queue=1))
            while (event := next_event(reply))["queue"] != 1:
                assert event["key"] == "waiting"
            shown.show(WELCOME)
            assert next_event(reply)["key"] == "welcome"

    def test_every_listener_hears_the_latest(self, shown: Screen) -> None:
        with listening(shown) as one, listening(shown) as other:
            next_event(one)
            next_event(other)
            shown.show(WELCOME)
            assert next_event(one)["key"] == next_event(other)["key"] == "welcome"

    def test_a_quiet_door_still_gives_signs_of_life(self, shown: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(screen, "HEARTBEAT_S", 0.05)
        with listening(shown) as reply:
            assert next_event(reply) == next_event(reply) == next_event(reply)


def test_a_port_that_is_taken_is_named(shown: Screen) -> None:
    server = shown.serve("127.0.0.1", 0)
    try:
        with pytest.raises(ConfigError, match=f"127.0.0.1:{server.server_port}.*taken"):
            shown.serve("127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        server.server_close()


class TestWords:
    @pytest.mark.parametrize("key", WORDS)
    def test_titles_and_advice_fit_the_screen(self, key: str) -> None:
        assert 0 < len(WORDS[key].title) <= TITLE_LIMIT
        assert 0 < len(WORDS[key].advice) <= ADVICE_LIMIT

    @pytest.mark.parametrize("why", Why)
    def test_every_refusal_has_words_and_a_time(self, why: Why) -> None:
        one = refusal(why)
        assert one.title
        assert one.advice
        assert one.lasts_ms > 0

    def test_private_reasons_cannot_be_told_apart(self) -> None:
        told = {(one.state, one.title, one.advice) for one in map(refusal, (Why.FORGED, Why.REVOKED))}
        assert len(told) == 1

    def test_a_passer_by_learns_no_private_reason_from_the_words(self) -> None:
        for words in WORDS.values():
            said = f"{words.title} {words.advice}".lower()
            assert not any(word in said for word in ("revoked", "blocked", "forged", "fake", "stolen"))

    def test_every_state_has_its_picture(self, shown: Screen) -> None:
        pictures = set(re.findall(r'data-for="([^"]+)"', page(shown)))
        states = {refusal(why).state for why in Why} | {"waiting", "moment", "welcome", "goodbye", "counted", "trouble"}
        drawn = {name for group in pictures for name in group.split()}
        assert states <= drawn


def test_no_other_machine_and_no_page_of_another_name_reads_it(shown: Screen) -> None:
    client = shown.app().test_client()
    shown.show(WELCOME)
    for path in ("/", "/events", "/static/face.js"):
        assert client.get(path, environ_overrides={"REMOTE_ADDR": "10.1.2.3"}).status_code == 403
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 403
