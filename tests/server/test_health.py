"""Figures of reading on the server: one row a kiosk, on each kind of database, and what admins see of them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import msgspec
import pytest
from sqlalchemy import insert, select, update

from admission.health import MAX_COUNT, MAX_MS, Health, StageHealth
from admission.wire import Exchange, Lane
from server import health
from server.exchange import Desk
from server.health import Figures
from server.store import schema
from server.store.instants import from_ms, to_ms
from tests.pages import Site
from tests.server.desk import Server
from tests.world import PaperKiosk

STAGES = tuple(
    StageHealth(name=name, runs=runs, ms=ms, needed=needed)
    for name, runs, ms, needed in (("whole-global", 100, 900.0, 15), ("half-local", 20, 300.0, 5))
)
FIGURES = Health(
    seconds=60.0,
    frames=1488,
    looked=100,
    stages=STAGES,
    presentations=20,
    first_read_ms_median=142.0,
    first_read_ms_p95=12_400.0,
    advice=(("closer", 12), ("new_word", 1)),
    sharpness=0.82,
    light=121.0,
    camera="",
    reopened=0,
    version="0.1.0",
)


def telling(kiosk: PaperKiosk, said: Health | None = FIGURES) -> Exchange:
    """A letter of the news lane with figures."""
    return msgspec.structs.replace(kiosk.letter(lane=Lane.NEWS), health=said)


def read(server: Server, after: timedelta = timedelta()) -> dict[str, Figures]:
    """What the page would be given."""
    with server.store.read() as connection:
        return health.read(connection, server.now + after)


class TestStore:
    def test_figures_are_kept_with_the_time_at_which_they_came(self, server: Server) -> None:
        server.take(telling(server.kiosk("hall-a")))
        assert set(read(server)) == {"k-hall-a"}
        kept = read(server)["k-hall-a"]
        assert (kept.health, to_ms(kept.at), kept.stale) == (FIGURES, to_ms(server.now), False)

    def test_later_figures_take_the_place_of_earlier_ones_also_from_a_new_store(self, server: Server) -> None:
        door, other = server.kiosk("hall-a"), server.kiosk("hall-b")
        server.take(telling(door))
        server.take(telling(other))
        later = msgspec.structs.replace(FIGURES, frames=7, camera="away 'quoted' \"so\" \U0001f4f7")
        door.incarnation = 2
        server.now += timedelta(seconds=10)
        server.take(telling(door, later))
        assert {name: kept.health for name, kept in read(server).items()} == {"k-hall-a": later, "k-hall-b": FIGURES}
        assert len(server.rows(schema.health)) == 2

    def test_a_letter_without_figures_leaves_the_last_ones_as_they_are(self, server: Server) -> None:
        door = server.kiosk("hall-a")
        server.take(telling(door))
        before = server.rows(schema.health)
        server.now += timedelta(seconds=10)
        server.exchange(door)
        assert server.rows(schema.health) == before

    def test_figures_in_what_was_carried_are_not_of_now_and_not_kept(self, server: Server) -> None:
        message = telling(server.kiosk("hall-a"))
        server.store.write(lambda c: Desk(c, server.programme, server.now, "hall-a").handle(message, carried=True))
        assert read(server) == {}

    def test_figures_are_stale_a_minute_after_they_came(self, server: Server) -> None:
        server.take(telling(server.kiosk("hall-a")))
        assert not read(server, timedelta(seconds=59))["k-hall-a"].stale
        assert read(server, timedelta(seconds=61))["k-hall-a"].stale

    @pytest.mark.parametrize("body", ["", "{", "null", '{"frames":1}', '{"v":2,"fps":12.5}'])
    def test_a_row_that_cannot_be_read_is_as_good_as_none_and_is_replaced(self, server: Server, body: str) -> None:
        row = {"device": "k-hall-a", "at": 5, "body": body}
        server.store.write(lambda c: c.execute(insert(schema.health), row))
        assert read(server) == {}
        server.take(telling(server.kiosk("hall-a")))
        assert read(server)["k-hall-a"].health == FIGURES

    def test_the_figures_fill_no_more_than_their_row_whatever_a_kiosk_sends(self, server: Server) -> None:
        stage = StageHealth(name="s" * 32, runs=MAX_COUNT, ms=MAX_MS, needed=MAX_COUNT)
        most = msgspec.structs.replace(
            FIGURES, stages=(stage,) * 32, advice=(("a" * 32, MAX_COUNT),) * 32, camera="\U0001f4f7" * 200
        )
        door = server.kiosk("hall-a")
        for _ in range(3):
            server.take(telling(door, most))
        [row] = server.rows(schema.health)
        assert len(str(row["body"])) < 7000
        assert read(server)["k-hall-a"].health == most


class TestWords:
    @pytest.mark.parametrize(
        ("sharpness", "word"), [(None, ""), (0.0, "blurred"), (0.3, "soft"), (0.5, "sharp"), (1.0, "sharp")]
    )
    def test_sharpness_has_a_word(self, sharpness: float | None, word: str) -> None:
        assert self.figures(sharpness=sharpness).sharpness == word

    @pytest.mark.parametrize(
        ("light", "word"),
        [(None, ""), (0.0, "dark"), (44.0, "dark"), (45.0, "good"), (245.0, "good"), (255.0, "bright")],
    )
    def test_light_has_a_word(self, light: float | None, word: str) -> None:
        assert self.figures(light=light).light == word

    def test_shares_and_times_are_reckoned_and_nothing_is_divided_by_nothing(self) -> None:
        some = self.figures()
        assert (some.frames_a_second, some.ms_a_frame) == (24.8, 12.0)
        assert [(stage.name, stage.ms_a_run, stage.share) for stage in some.stages] == [
            ("whole-global", 9.0, 0.75),
            ("half-local", 15.0, 0.25),
        ]
        idle = StageHealth(name="zbar", runs=0, ms=0.0, needed=9)
        none = self.figures(looked=0, presentations=0, stages=(idle,))
        assert (none.ms_a_frame, none.stages[0].ms_a_run, none.stages[0].share) == (None, None, None)

    def test_advice_is_in_words_and_a_new_one_is_called_by_its_name(self) -> None:
        assert self.figures().advice == [("hold it closer", 12), ("new word", 1)]

    def figures(self, **changed: object) -> Figures:
        """Figures that differ in this."""
        return Figures(from_ms(0), False, msgspec.structs.replace(FIGURES, **changed))


class TestPage:
    def tell(self, site: Site, said: Health) -> None:
        """The kiosk at hall A says it to the server."""
        body, headers = site.kiosk.seal(telling(site.kiosk, said))
        assert site.app.test_client().post("/api/v1/exchange", data=body, headers=headers).status_code == 200

    def row(self, site: Site, device: str = "k-hall-a") -> str:
        """What the page says of a kiosk."""
        text = site.signed_in("admin").get("/kiosks").text
        _, part = text.split(f"<bdi>{device}</bdi>")
        part = part.split("</table>\n  <p", 1)[0].split('<tbody role="rowgroup">', 1)[0]
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", part)).split())

    def own_page(self, site: Site, device: str = "k-hall-a") -> str:
        """What the kiosk's own page says."""
        text = site.signed_in("admin").get(f"/kiosks/{device}").text
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())

    def date_back(self, site: Site, at: int) -> None:
        """The figures came then."""
        site.store.write(lambda c: c.execute(update(schema.health).values(at=at)))

    def test_the_page_says_at_a_glance_how_a_kiosk_reads(self, site: Site) -> None:
        self.tell(site, FIGURES)
        text = self.row(site)
        for words in (
            "Frames 24.8 a second",
            "A frame takes 12 ms",
            "Time to first read 142 ms 95 %: 12.4 s",
            "Sharpness sharp 0.82",
            "Light good 121",
            "Camera well",
        ):
            assert words in text
            assert words in self.own_page(site)
        for words in ("whole-global 75 % 9.0 ms 100", "hold it closer 12", "Version 0.1.0"):
            assert words in self.own_page(site)
        assert re.search(r"as of \d\d:\d\d:\d\d", text)
        assert "Stale" not in text
        assert "reopened" not in text

    def test_a_kiosk_that_has_sent_none_has_no_figures_yet(self, site: Site) -> None:
        assert self.row(site, "k-club-door").endswith("No figures yet")

    @pytest.mark.parametrize(("times", "words"), [(1, "reopened once"), (12, "reopened 12 times")])
    def test_the_cameras_trouble_is_named(self, site: Site, times: int, words: str) -> None:
        self.tell(site, msgspec.structs.replace(FIGURES, camera="no such device", reopened=times, sharpness=None))
        assert f"Camera Trouble: no such device {words}" in self.row(site)
        assert "Sharpness \u2013 Light" in self.row(site)

    def test_old_figures_are_marked_as_such(self, site: Site) -> None:
        self.tell(site, FIGURES)
        with site.store.read() as connection:
            at = connection.execute(select(schema.health.c.at)).scalar_one()
        self.date_back(site, at - 61_000)
        assert re.search(r"Stale as of [\d: -]+$", self.row(site))
        self.date_back(site, at - 3 * 86_400_000)
        assert re.search(r"Stale as of \d{4}-\d\d-\d\d \d\d:\d\d$", self.row(site))

    def test_what_a_kiosk_calls_things_is_shown_as_text(self, site: Site) -> None:
        evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
        self.tell(site, msgspec.structs.replace(FIGURES, camera=evil))
        page = site.signed_in("admin").get("/kiosks").text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>" not in page
        assert "<img" not in page

    def test_figures_out_of_bounds_are_refused_with_what_is_wrong_and_change_nothing(self, site: Site) -> None:
        self.tell(site, FIGURES)
        body, headers = site.kiosk.seal(telling(site.kiosk, msgspec.structs.replace(FIGURES, frames=-1)))
        answer = site.app.test_client().post("/api/v1/exchange", data=body, headers=headers)
        assert answer.status_code == 400
        assert "$.health.frames" in json.loads(answer.data)["what"]
        assert "Frames 24.8" in self.row(site)

    def test_a_row_that_cannot_be_read_does_not_break_the_page(self, site: Site) -> None:
        self.tell(site, FIGURES)
        site.store.write(lambda c: c.execute(update(schema.health).values(body="{")))
        assert self.row(site).endswith("No figures yet")
