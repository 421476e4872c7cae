"""The kiosks as admins see them: trouble first, called what people call them, moved without losing a seat."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from admission.errors import ConfigError
from admission.passage import Kind
from admission.wire import Exchange, Report
from server import fleet, health, standings, trail
from server.exchange import Desk, Outcome
from server.fleet import BAD, WARN, Member
from server.store import schema, versions
from server.store.instants import to_ms
from tests.pages import EVIL, Site, token
from tests.server.desk import Server
from tests.server.test_health import FIGURES
from tests.world import PaperKiosk, utc_now

VERSION = "0.1.0"


def look(server: Server, name: str, *, version: str = VERSION) -> Member:
    """A kiosk as it is now."""
    with server.store.read() as connection:
        known = fleet.read(connection, server.programme, server.now, version)
    return next(one for one in known if one.name == name)


def says(server: Server, **changed: object) -> list[tuple[str, int]]:
    """The troubles of the kiosk at gate A whose figures differ in this from good ones."""
    server.exchange(server.kiosk("hall-a"))
    said = msgspec.structs.replace(FIGURES, **changed)
    server.store.write(lambda c: health.keep(c, "k-hall-a", said, server.now))
    return [(str(one.words), one.weight) for one in look(server, "k-hall-a").troubles]


def assign(server: Server, name: str, gate: str, was: str) -> None:
    server.store.write(lambda c: fleet.assign(c, name, gate, was, server.now))


class TestTroubles:
    @pytest.mark.parametrize(
        ("changed", "words", "weight"),
        [
            ({"temperature_c": 75.0}, "hot: 75 °C", BAD),
            ({"undervolted": True}, "its power supply is too weak", BAD),
            ({"disk_free_mb": 499}, "disk almost full: 499 MB left", BAD),
            ({"clock_uncertainty_ms": 5001}, "clock unsure by 5 s", WARN),
            ({"camera": "no such device"}, "camera trouble", BAD),
            ({"version": "0.0.9"}, "runs version 0.0.9, the server 0.1.0", WARN),
        ],
    )
    def test_what_somebody_should_see_to_is_told(
        self, server: Server, changed: dict[str, object], words: str, weight: int
    ) -> None:
        assert says(server, **changed) == [(words, weight)]

    def test_a_kiosk_within_its_bounds_or_of_an_older_version_of_the_figures_is_well(self, server: Server) -> None:
        assert says(server, temperature_c=74.9, disk_free_mb=500, clock_uncertainty_ms=5000, undervolted=False) == []
        assert says(server) == []

    def test_a_kiosk_that_is_silent_comes_first_and_what_waits_on_it_is_counted(self, server: Server) -> None:
        door, other = server.kiosk("hall-b"), server.kiosk("hall-a")
        server.exchange(door)
        server.exchange(other)
        door.pass_through(Kind.ENTRY, server.world.badge_ids["p1"], server.now)
        door.pass_through(Kind.ENTRY, server.world.badge_ids["p4"], server.now)
        letter = msgspec.structs.replace(door.letter(), passages=())
        server.take(letter)
        server.now += timedelta(milliseconds=standings.SILENT_MS)
        server.exchange(other)
        with server.store.read() as connection:
            first = fleet.read(connection, server.programme, server.now, VERSION)[0]
        assert (first.name, first.state, first.queue) == ("k-hall-b", "silent", 2)
        assert [str(one.words) for one in first.troubles] == ["silent", "2 passages wait on it"]

    def test_old_figures_are_not_judged(self, server: Server) -> None:
        assert says(server, temperature_c=90.0) == [("hot: 90 °C", BAD)]
        server.now += timedelta(seconds=61)
        server.exchange(server.kiosk("hall-a"))
        assert look(server, "k-hall-a").troubles == ()

    def test_a_revoked_kiosk_is_last_and_has_no_trouble(self, server: Server) -> None:
        of_a = update(schema.device).where(schema.device.c.id == "k-club-door")
        server.store.write(lambda c: c.execute(of_a.values(revoked=to_ms(server.now))))
        with server.store.read() as connection:
            last = fleet.read(connection, server.programme, server.now, VERSION)[-1]
        assert (last.name, last.troubles, last.state) == ("k-club-door", (), "revoked")


class TestAssigning:
    def test_it_takes_effect_with_a_new_version_of_the_programme(self, server: Server) -> None:
        with server.store.read() as connection:
            before = versions.current(connection, versions.PROGRAMME)
        assign(server, "k-hall-a", "salon-door", "hall-a")
        with server.store.read() as connection:
            assert versions.current(connection, versions.PROGRAMME) == before + 1
            where = select(schema.device.c.gate).where(schema.device.c.id == "k-hall-a")
            assert connection.execute(where).scalar_one() == "salon-door"

    def test_the_seats_of_the_room_that_it_leaves_stay_counted_until_they_have_come_back(self, server: Server) -> None:
        door = server.kiosk("hall-a")
        server.exchange(door)
        held = door.account.balance
        assert held > 0
        assign(server, "k-hall-a", "salon-door", "hall-a")
        assert look(server, "k-hall-a").seats == (("The hall", held),)
        door.room = "salon"
        one = door.account
        counters = (one.era, one.granted, one.returned, one.entries, one.exits, one.forced)
        letter = msgspec.structs.replace(
            door.letter(), reports=(Report("hall", *counters), Report("salon", 0, 0, 0, 0, 0, 0))
        )
        outcome = self.hear(server, letter)
        targets = {grant.room: grant.target for grant in outcome.grants}
        assert targets["hall"] == 0
        assert targets["salon"] > 0
        back = replace(one, returned=one.returned + one.balance)
        counters = (back.era, back.granted, back.returned, back.entries, back.exits, back.forced)
        self.hear(server, msgspec.structs.replace(letter, reports=(Report("hall", *counters),)))
        assert "The hall" not in dict(look(server, "k-hall-a").seats)

    def hear(self, server: Server, letter: Exchange) -> Outcome:
        """The exchange of a kiosk that stands at the salon now."""
        return server.store.write(lambda c: Desk(c, server.programme, server.now, "salon-door").handle(letter))

    def test_a_silent_kiosk_with_seats_of_another_room_stays_where_it_is(self, server: Server) -> None:
        server.exchange(server.kiosk("hall-a"))
        server.now += timedelta(milliseconds=standings.SILENT_MS)
        with pytest.raises(ConfigError, match=r"k-hall-a is silent and holds \d+ seats of hall"):
            assign(server, "k-hall-a", "salon-door", "hall-a")
        assign(server, "k-hall-a", "hall-b", "hall-a")  # the seats are of this room too
        assign(server, "k-salon-door", "club-door", "salon-door")  # it never held any

    def test_of_two_who_move_it_at_once_one_does(self, server: Server) -> None:
        assign(server, "k-hall-a", "hall-b", "hall-a")
        with pytest.raises(ConfigError, match="somebody else has moved"):
            assign(server, "k-hall-a", "club-door", "hall-a")

    @pytest.mark.parametrize(
        ("name", "gate", "was", "says"),
        [
            ("k-nowhere", "hall-b", "hall-a", "there is no kiosk"),
            ("k-hall-a", "nowhere", "hall-a", "there is no gate"),
            ("k-hall-a", "hall-a", "hall-a", "already"),
        ],
    )
    def test_what_is_not_there_is_told(self, server: Server, name: str, gate: str, was: str, says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            assign(server, name, gate, was)

    def test_a_revoked_kiosk_is_not_moved(self, server: Server) -> None:
        server.store.write(lambda c: c.execute(update(schema.device).values(revoked=1)))
        with pytest.raises(ConfigError, match="revoked"):
            assign(server, "k-hall-a", "hall-b", "hall-a")


class TestPages:
    @pytest.fixture
    def admin(self, site: Site) -> FlaskClient:
        return site.signed_in("admin")

    def post(self, client: FlaskClient, path: str, **form: str) -> TestResponse:
        return client.post(path, data=form | {"csrf_token": token(client.get("/kiosks"))})

    @pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk", "organiser", "auditor"])
    def test_nobody_but_an_admin_gets_there(self, site: Site, role: str) -> None:
        client = site.signed_in(role)
        form = {"csrf_token": token(client.get("/account"))}
        assert client.get("/kiosks/k-hall-a").status_code == 403
        for act in ("label", "gate"):
            assert client.post(f"/kiosks/k-hall-a/{act}", data=form).status_code == 403

    def test_a_label_is_shown_as_text_and_the_name_stays(self, site: Site, admin: FlaskClient) -> None:
        label = EVIL[: fleet.MAX_LABEL]
        assert self.post(admin, "/kiosks/k-hall-b/label", label=label, was="").status_code == 303
        for path in ("/kiosks", "/kiosks/k-hall-b"):
            page = admin.get(path).text
            assert "<script>" not in page
            assert label in unescape(page)
            assert "k-hall-b" in page
        assert self.post(admin, "/kiosks/k-hall-b/label", label="mine", was="").status_code == 409
        with site.store.read() as connection:
            [step] = trail.newest(connection, about="kiosk", ref="k-hall-b")
        assert (step.what, step.by, step.facts["label"]) == ("renamed", "admin", label)

    @pytest.mark.parametrize("label", ["x" * 61, "a\x07b", "a\nb", "\u202e"])
    def test_a_label_that_cannot_be_seen_is_refused_and_kept_in_the_form(self, admin: FlaskClient, label: str) -> None:
        answer = self.post(admin, "/kiosks/k-hall-out/label", label=f"-{label}-", was="")
        assert answer.status_code == 409
        assert "at most 60 characters" in answer.text

    def test_a_kiosk_is_moved_with_a_confirmation_and_that_is_written_down(
        self, site: Site, admin: FlaskClient
    ) -> None:
        page = admin.get("/kiosks/k-club-door").text
        assert "give back the seats" in " ".join(page.replace("gives", "give").split())
        assert self.post(admin, "/kiosks/k-club-door/gate", gate="salon-door", was="club-door").status_code == 303
        assert "Salon" in admin.get("/kiosks/k-club-door").text
        again = self.post(admin, "/kiosks/k-club-door/gate", gate="hall-a", was="club-door")
        assert again.status_code == 409
        assert "somebody else has moved" in again.text
        with site.store.read() as connection:
            [step] = trail.newest(connection, about="kiosk", ref="k-club-door")
        assert step.facts == {"gate": "salon-door", "was": "club-door"}

    def test_the_kiosk_hears_of_its_new_gate(self, site: Site, admin: FlaskClient) -> None:
        kiosk = PaperKiosk(site.world.enrolments["venue-door"], "venue-door", "venue")
        self.post(admin, "/kiosks/k-venue-door/gate", gate="hall-b", was="venue-door")
        with site.store.read() as connection:
            row = connection.execute(select(schema.device).where(schema.device.c.id == kiosk.enrolment.device)).one()
        assert row.gate == "hall-b"

    def test_what_is_not_there_is_not_found(self, admin: FlaskClient) -> None:
        for path in ("/kiosks/nobody", "/kiosks/%00", "/kiosks/" + "x" * 3000):
            assert admin.get(path).status_code == 404
            assert self.post(admin, f"{path}/label", label="x", was="").status_code == 404
            assert self.post(admin, f"{path}/gate", gate="hall-a", was="hall-b").status_code == 404
        assert self.post(admin, "/kiosks/k-hall-a/gate", gate="\x07", was="hall-a").status_code == 409

    def test_thresholds_are_shown_with_a_shape_and_a_word(self, site: Site, admin: FlaskClient) -> None:
        said = msgspec.structs.replace(FIGURES, temperature_c=81.5, disk_free_mb=120, clock_uncertainty_ms=7000)
        said = msgspec.structs.replace(said, undervolted=True)
        site.store.write(lambda c: health.keep(c, "k-hall-a", said, utc_now()))
        page = admin.get("/kiosks").text
        machine = ("hot: 82 °C", "its power supply is too weak", "<dt>Power supply</dt>", "too weak</span>")
        for words in (*machine, "disk almost full: 120 MB left", "clock unsure by 7 s"):
            assert words in page
        assert page.count('href="#level-tight"/></svg>hot') == 1
