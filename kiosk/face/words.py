"""What the door's screen says to a visitor, in English: a title and an advice for each key.

These sentences are also the keys of the catalogues (:mod:`kiosk.face.language`); after a change run
``sh deploy/translate.sh``. It must not know the rules: which key belongs to which passage is decided elsewhere.
A word here may be read by the visitor, by those behind, and by a passing photographer. So no key
says why a badge was stopped when the reason is private, and none puts blame on anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TITLE_LIMIT = 28
"""Characters; a longer title cannot be read from 2 m on a 7-inch screen."""

ADVICE_LIMIT = 70
"""Characters; a longer advice pushes the title off its size."""


@dataclass(frozen=True, slots=True)
class Words:
    """What one state says: the title is read from 2 m, the advice says what to do next."""

    title: str
    advice: str


def _(sentence: str) -> str:
    """Marks a sentence for the catalogues."""
    return sentence


SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        # another door of the same room that has seats
        "try_gate": _("No seat at this door. Try: {detail}"),
        # the room where those are sent who find this one full
        "overflow": _("Please go to: {detail}"),
        # to the steward who brought a courier's code
        "more_seats": _("More seats for this door: {detail}"),
        "no_more_seats": _("No more seats just now"),
    }
)
"""What stands beside a verdict; ``{detail}`` is a name or a number."""

STAFF = frozenset({"courier", "pairing"})
"""States that only staff bring about: said in one language."""

# One value for all that is private, so that the screen cannot be used to tell the cases apart.
_STEWARD = Words(_("Please ask a steward"), _("They will be glad to help you."))

WORDS: Mapping[str, Words] = MappingProxyType(
    {
        # nobody at the door, or a code just seen
        "starting": Words(_("Starting up"), _("This door will be ready in a moment.")),
        "closed_now": Words(_("Closed just now"), _("Please wait. A steward will tell you when it opens.")),
        "exit_only": Words(_("No entry just now"), _("On your way out? Hold up your badge.")),
        "waiting": Words(_("Hold up your badge"), _("Show its square code to the camera, about 30 cm away.")),
        "waiting_out": Words(_("Way out"), _("Hold up your badge as you leave.")),
        "reading": Words(_("Reading your badge"), _("Please hold it still.")),
        # a code in view that cannot be read yet
        "hint_closer": Words(_("A little closer"), _("Hold your badge about 30 cm from the camera.")),
        "hint_hold_still": Words(_("Hold it still"), _("The camera needs one moment without movement.")),
        "hint_blurred": Words(_("Not sharp yet"), _("Hold your badge still, about 30 cm from the camera.")),
        "hint_dark": Words(_("More light, please"), _("Turn your badge to the light, or make your screen brighter.")),
        "hint_glare": Words(_("Less glare, please"), _("Tilt your badge a little until nothing shines in it.")),
        "hint_cut_off": Words(_("Show the whole code"), _("Move your badge to the middle of the camera's view.")),
        "did_not_turn": Words(_("Please try again"), _("The gate did not turn. Hold up your badge once more.")),
        "moment": Words(_("One moment"), _("We are checking your badge. Please stay here.")),
        # the passage is counted
        "welcome": Words(_("Welcome"), _("Please go in.")),
        "goodbye": Words(_("Goodbye"), _("Please go through. See you again soon.")),
        "counted": Words(_("Already counted"), _("This badge was counted a moment ago. Nothing more to do.")),
        # the code
        "not_ours": Words(_("Not a badge of this event"), _("Please show this event's badge, or ask a steward.")),
        "damaged": Words(_("Code not readable"), _("It may be bent or scratched. A steward can help you.")),
        "forged": _STEWARD,
        "too_early": Words(_("Badge not valid yet"), _("It starts later. Please come back then, or ask a steward.")),
        "expired": Words(_("Badge no longer valid"), _("Its time is over. A steward can help you.")),
        "revoked": _STEWARD,
        # the session
        "no_session": Words(_("No session here just now"), _("The programme shows what comes next.")),
        "doors_closed": Words(_("The doors are closed"), _("Please look at the programme, or ask a steward.")),
        "not_listed": Words(_("For invited guests"), _("This session is for invited guests. A steward can help.")),
        "delegation_full": _STEWARD,
        "ask_list": Words(_("Please ask a steward"), _("You may be on a newer list than this door has.")),
        "inside_already": Words(_("Already inside"), _("By our count this badge is inside. Please ask a steward.")),
        # the seats
        "held": Words(_("One moment, please"), _("Nobody is let in just now. A steward will tell you when.")),
        "full": Words(_("This room is full"), _("There is no free seat just now. A steward can tell you more.")),
        "no_seats": Words(_("Please ask a steward"), _("This door has no free seat left. They can look for one.")),
        # what a courier's phone showed
        "courier_thanks": Words(_("Thank you"), _("This door has taken the code.")),
        "courier_old": Words(
            _("Nothing new in this code"), _("This door knew all of it. Open Courier for a new letter.")
        ),
        "courier_astray": Words(_("A code for another door"), _("Please show it to the camera of its own door:")),
        "courier_doubted": Words(
            _("Code not accepted"), _("It is not for this door as it is now. Open Courier again.")
        ),
        # the kiosk itself; read by visitors and stewards alike
        "steward": _STEWARD,
        "camera_away": Words(_("Camera not working"), _("Please use another door. Steward: check the camera's cable.")),
        "disk_full": Words(
            _("This door cannot count"), _("Please use another door. Steward: storage is full, call help.")
        ),
        "switched_off": Words(_("Switching off"), _("Please use another door.")),
        "lost": Words(_("Please ask a steward"), _("This screen has lost its kiosk.")),
        "out_of_order": Words(_("Out of order"), _("Please use another door. Steward: turn this kiosk off and on.")),
        # before it is enrolled; read by whoever sets it up
        "pair": Words(_("Not set up yet"), _("Show the pairing code from the server's Kiosks page to the camera.")),
        "pair_moment": Words(_("Asking the server"), _("The code was read.")),
        "pair_digits": Words(
            _("Same digits there?"), _("Compare them with the server's page, and confirm them there.")
        ),
        "pair_done": Words(_("Set up"), _("This door starts in a moment.")),
        "pair_refused": Words(_("Not accepted"), _("The server refused this code. Show the camera a new one.")),
        "pair_expired": Words(
            _("The code has expired"), _("Make a new one on the server's Kiosks page and show it here.")
        ),
        "pair_away": Words(_("Server not reached"), _("This door keeps trying. Check its network, and this address:")),
        "pair_untrusted": Words(
            _("This is not the server"), _("Something else answers for it. Check network and address:")
        ),
    }
)
