"""The registration desk's pages: found, printed, handed over, checked in; who may, and what is typed wrongly."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import pypdf
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admission import wire
from server import desk, event, programme, standings
from tests.pages import EVIL, Site, token
from tests.world import utc_now


class Page:
    """Somebody at the desk's pages, whose token lasts as long as the session."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.token = client, token(client.get("/account"))

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, **form: object) -> TestResponse:
        sent = {name: str(value) for name, value in form.items()}
        return self.client.post(path, data={"csrf_token": self.token} | sent)


@pytest.fixture(scope="module")
def page(site: Site) -> Page:
    return Page(site.signed_in("desk"))


PLACES = ("/desk", "/desk/find?q=per", "/desk/handover", "/desk/badge/1.pdf")
DEEDS = ("print", "reprint", "hand-over", "check-in", "undo-check-in", "companions-in", "companions-out", "scan")


@pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "auditor"])
def test_whoever_is_not_of_the_desk_is_sent_away(site: Site, role: str) -> None:
    one = site.signed_in(role)
    assert [one.get(path).status_code for path in PLACES] == [403] * len(PLACES)
    form = {"csrf_token": token(one.get("/account")), "person": "p5"}
    assert {one.post(f"/desk/{deed}", data=form).status_code for deed in (*DEEDS, "handover")} == {403}


@pytest.mark.parametrize("role", ["desk", "organiser", "admin"])
def test_the_desk_opens_for_those_who_serve_there(site: Site, role: str) -> None:
    one = site.signed_in(role)
    assert [one.get(path).status_code for path in PLACES] == [200] * len(PLACES)


def test_a_form_without_its_token_does_nothing(site: Site, page: Page) -> None:
    assert {page.client.post(f"/desk/{deed}", data={"person": "p5"}).status_code for deed in DEEDS} == {400}


def test_people_are_found_as_json_in_words_of_the_page_s_language(page: Page) -> None:
    [one] = page.get("/desk/find?q=person+37").json["people"]  # type: ignore[index]
    assert one["name"] == "Person 37"
    assert one["of"] == "Org 2 · Land 2"
    assert (one["state"], one["badge"]) == ("live", f"Badge {one['badge'].split()[1]}")
    assert page.get(one["url"]).status_code == 200
    assert page.get("/desk/find?q=%00").status_code == 400
    assert page.get("/desk/find").json == {"people": []}


def test_without_script_one_person_is_shown_at_once_and_several_are_listed(page: Page) -> None:
    assert page.get("/desk?q=person+37").location == "/desk?person=p37"
    several = page.get("/desk?q=person")
    assert several.status_code == 200
    assert several.text.count('<li><a href="/desk?person=') == 12
    assert "Nobody is found" in page.get("/desk?q=zzzz").text


def test_a_scanned_badge_leads_to_its_holder_and_a_foreign_one_is_refused(site: Site, page: Page) -> None:
    serial = site.world.badge_ids["p20"] >> 32
    reply = page.post("/desk/scan", q=site.world.tokens["p20"])
    assert reply.location == f"/desk?person=p20&scanned={serial}"
    assert "genuine and valid" in page.get(reply.location).text
    foreign = page.post("/desk/scan", q="https://example.org/tickets/7f3a9c5e-1b2d-4c6f-8a90")
    assert foreign.status_code == 404
    assert "not of this event" in foreign.text
    typed = page.client.get("/desk", query_string={"q": site.world.tokens["p20"]})
    assert typed.location.startswith("/desk?person=p20")


def test_an_old_badge_that_is_scanned_is_said_to_be_revoked(site: Site, page: Page) -> None:
    serial = site.world.badge_ids["p21"] >> 32
    assert page.post("/desk/reprint", person="p21", instead_of=serial, choice="Badge lost").status_code == 303
    text = page.get(page.post("/desk/scan", q=site.world.tokens["p21"]).location).text
    assert f"Badge {serial} was scanned, and it is not valid any more" in text


def test_printing_leads_to_a_pdf_of_one_card_and_the_badge_can_be_handed_over(site: Site, page: Page) -> None:
    serial = site.world.badge_ids["p22"] >> 32
    printed = page.post("/desk/print", person="p22")
    assert printed.location == f"/desk?person=p22&ready={serial}"
    text = page.get(printed.location).text
    assert f'href="/desk/badge/{serial}.pdf"' in text
    pdf = page.get(f"/desk/badge/{serial}.pdf")
    assert (pdf.status_code, pdf.mimetype) == (200, "application/pdf")
    [sheet] = pypdf.PdfReader(io.BytesIO(pdf.data)).pages
    assert "Person 22" in sheet.extract_text()
    assert page.post("/desk/hand-over", person="p22", serial=serial).status_code == 303
    assert "handed over at" in page.get("/desk?person=p22").text
    again = page.post("/desk/hand-over", person="p22", serial=serial)
    assert again.status_code == 409
    assert "handed over already, by desk" in again.text


def test_a_check_in_by_hand_is_made_and_undone_on_the_page(site: Site, page: Page) -> None:
    refused = page.post("/desk/check-in", person="p23", room="hall")
    assert refused.status_code == 409
    assert "give a reason" in refused.text
    why = {"choice": "Badge left behind", "reason": "showed a passport"}
    done = page.post("/desk/check-in", person="p23", room="hall", **why)
    assert done.status_code == 303
    with site.store.read() as connection:
        [one] = [each for each in desk.checked_in(connection, 0) if each.ref == "p23"]
    assert one.reason == "Badge left behind: showed a passport"
    text = page.get(done.location).text
    assert "The hall" in text
    assert f'name="act" value="{one.act}"' in text
    twice = page.post("/desk/check-in", person="p23", room="hall", choice="Badge left behind")
    assert twice.status_code == 409
    assert 'value="Badge left behind" checked' in twice.text
    assert page.post("/desk/undo-check-in", act=one.act, choice="Wrong person").status_code == 303
    assert f'name="act" value="{one.act}"' not in page.get("/desk").text


def test_companions_are_counted_and_what_was_typed_is_kept(page: Page) -> None:
    done = page.post("/desk/companions-in", delegation="Land 2", room="salon", bodies=2, choice="Interpreter")
    assert done.location == "/desk?delegation=Land+2&room=salon"
    assert 'value="Land 2"' in page.get(done.location).text
    out = page.post("/desk/companions-out", delegation="Land 2", room="salon", bodies=5, reason="they left")
    assert out.status_code == 409
    assert 'value="5"' in out.text
    assert 'value="they left"' in out.text
    for bodies in ("", "many", "-1", "0", "9" * 40):
        assert page.post("/desk/companions-in", delegation="Land 2", room="salon", bodies=bodies).status_code == 409


@pytest.mark.parametrize("bad", ["\0", "9" * 30, "-1", EVIL, "x" * 20_000, "\N{ARABIC-INDIC DIGIT THREE}"])
def test_nothing_that_is_typed_breaks_the_desk(page: Page, bad: str) -> None:
    fields = ("person", "room", "act", "delegation", "bodies", "serial", "instead_of", "reason", "choice", "q")
    for deed in DEEDS:
        reply = page.post(f"/desk/{deed}", **dict.fromkeys(fields, bad))
        usual = (404, 409, 303) if deed == "scan" else (404, 409)  # what no reader has typed is searched for
        assert reply.status_code in (usual if "\0" not in bad else (400,)), deed
        assert EVIL not in reply.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/desk?person=nobody", 404),
        ("/desk?person=%00", 400),
        ("/desk?person=p5&scanned=abc&ready=abc", 200),
        ("/desk/badge/0.pdf", 404),
        ("/desk/badge/99999.pdf", 404),
        ("/desk/badge/99999999999999999999999.pdf", 404),
        ("/desk/dance", 405),
        ("/desk/handover?since=yesterday", 400),
        ("/desk/handover?since=0001-01-01T00:00", 400),
        ("/desk/handover?since=2026-11-23T08:00", 200),
    ],
)
def test_addresses_that_cannot_be_are_answered(page: Page, path: str, status: int) -> None:
    assert page.get(path).status_code in ((404, 405) if status == 405 else (status,))


def test_names_with_markup_are_shown_as_they_are(page: Page) -> None:
    text = page.get("/desk?person=p9").text
    assert EVIL not in text
    assert "&lt;script&gt;" in text


def test_the_desk_is_handed_on_with_a_word(page: Page) -> None:
    assert "Shift since" in page.get("/desk/handover").text
    assert page.post("/desk/handover", note="Printer 2 jams <b>often</b>").status_code == 303
    text = page.get("/desk/handover").text
    assert "Printer 2 jams &lt;b&gt;often&lt;/b&gt;" in text


def test_whoever_came_in_by_a_gate_is_listed_with_their_room(site: Site, page: Page) -> None:
    site.enter("p30")
    assert "The hall" in page.get("/desk/find?q=person+30").text


class Giving(threading.Thread):
    """The kiosk at gate A goes on talking, and gives back what it is asked for."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site, self.over = site, threading.Event()

    def run(self) -> None:
        kiosk = self.site.kiosk
        while not self.over.wait(0.05):
            body, headers = kiosk.seal(kiosk.letter())
            reply = self.site.app.test_client().post("/api/v1/exchange", data=body, headers=headers)
            answer = wire.decode_answer(reply.data)
            kiosk.hear(answer)
            for grant in answer.grants:
                back = min(max(0, grant.recall - kiosk.account.returned), kiosk.account.balance)
                kiosk.account = replace(kiosk.account, returned=kiosk.account.returned + back)


def test_a_seat_that_only_a_door_has_is_fetched_while_the_desk_waits(site: Site, page: Page) -> None:
    site.enter("p31")
    with site.store.read() as connection:
        plan = programme.read(connection, event.read(connection))
        free = standings.read(connection, plan, utc_now()).rooms["hall"].free
    asked = {"room": "hall", "delegation": "Land 1", "bodies": str(free + 2), "choice": "Interpreter"}
    refused = page.post("/desk/companions-in", **asked)
    assert refused.status_code == 409
    assert "seats free at the server" in refused.text
    door = Giving(site)
    door.start()
    try:
        assert page.post("/desk/companions-in", **asked).status_code == 303
    finally:
        door.over.set()
        door.join()
