"""Everything that a door's screen can show, with the longest that may stand in it; for tests and for photographs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from admission.rules import Why
from kiosk.face import Shown, hint, refusal
from kiosk.face.language import LANGUAGES
from kiosk.face.words import STAFF
from kiosk.reader import Advice

DISPLAYS = {"7 inch": (800, 480), "10 inch": (1280, 800), "upright": (1080, 1920)}
NAME = "Dr. Maximiliane Freifrau von und zu Hohenlohe-Waldenburg"
SESSION = "Who answers when a machine errs? A fireside conversation with the founders"
ROOM = "The Grand Auditorium of the Palace"
GATE = "The Grand Auditorium, north entrance, left"
NAMES = {
    "en": NAME,
    "fr": "Mme Anne-Sophie de La Rochefoucauld-Montbéliard",
    "es": "María del Carmen Fernández-Villaverde y Ortiz de Zárate",
    "ar": "معالي الدكتورة فاطمة بنت عبد الرحمن آل المنصوري",
    "zh": "欧阳诗涵博士",
    "ru": "Екатерина Александровна Воскресенская-Преображенская",
    "hi": "डॉ. वेंकटनरसिंहराजुवारिपेटा श्रीनिवासन",
}
"""A long one in each language."""
STATES = [
    Shown("moment", "starting"),
    Shown("waiting", "waiting"),
    Shown("waiting", "waiting_out"),
    Shown("closed", "closed_now"),
    Shown("closed", "exit_only"),
    Shown("reading", "reading"),
    *(hint(advice) for advice in Advice),
    Shown("reading", "did_not_turn"),
    Shown("moment", "moment"),
    Shown("welcome", "welcome"),
    Shown("welcome", "welcome", NAME, SESSION),
    Shown("goodbye", "goodbye", NAME),
    Shown("counted", "counted", detail="10:02:11"),
    Shown("steward", "steward"),
    Shown("trouble", "camera_away"),
    Shown("trouble", "disk_full"),
    Shown("trouble", "out_of_order"),
    Shown("trouble", "switched_off"),
    Shown("lost", "lost"),
    Shown("pairing", "pair"),
    Shown("moment", "pair_moment"),
    Shown("pairing", "pair_digits", "123 456", "north-1 · hall-a"),
    Shown("pairing", "pair_done", detail="north-1 · hall-a"),
    Shown("pairing", "pair_refused"),
    Shown("pairing", "pair_expired"),
    Shown("pairing", "pair_away", detail="http://192.168.100.200:8080"),
    Shown("pairing", "pair_untrusted", detail="https://registration.conference-centre.example.org:8443"),
    Shown("courier", "courier_thanks", detail="12", about="more_seats"),
    Shown("courier", "courier_thanks", about="no_more_seats"),
    Shown("courier", "courier_old"),
    Shown("courier", "courier_astray", detail="k-the-grand-auditorium-of-the-palace-north"),
    Shown("courier", "courier_doubted"),
    refusal(Why.NO_SEATS, GATE, "try_gate"),
    refusal(Why.FULL, ROOM, "overflow"),
    *(refusal(why, ROOM if why is Why.FULL else "") for why in Why),
]


def spoken() -> Iterator[Shown]:
    """Every state in every language in which a visitor may see it."""
    for language in LANGUAGES:
        for shown in STATES:
            if shown.state not in STAFF:
                yield replace(shown, name=NAMES[language] if shown.name else "", speaks=language)
