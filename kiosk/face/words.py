"""What the door's screen says to a visitor, in English: a title and an advice for each key.

It must not know the rules: which key belongs to which passage is decided elsewhere.
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


TRY = "No seat at this door. Try: {gate}"
"""Beside a refusal: another door of the same room that has seats."""

# One value for all that is private, so that the screen cannot be used to tell the cases apart.
_STEWARD = Words("Please ask a steward", "They will be glad to help you.")

WORDS: Mapping[str, Words] = MappingProxyType(
    {
        # nobody at the door, or a code just seen
        "starting": Words("Starting up", "This door will be ready in a moment."),
        "closed_now": Words("Closed just now", "Please wait. A steward will tell you when it opens."),
        "exit_only": Words("No entry just now", "On your way out? Hold up your badge."),
        "waiting": Words("Hold up your badge", "Show its square code to the camera, about 30 cm away."),
        "reading": Words("Reading your badge", "Please hold it still."),
        # a code in view that cannot be read yet
        "hint_closer": Words("A little closer", "Hold your badge about 30 cm from the camera."),
        "hint_hold_still": Words("Hold it still", "The camera needs one moment without movement."),
        "hint_blurred": Words("Not sharp yet", "Hold your badge still, about 30 cm from the camera."),
        "hint_dark": Words("More light, please", "Turn your badge to the light, or make your screen brighter."),
        "hint_glare": Words("Less glare, please", "Tilt your badge a little until nothing shines in it."),
        "hint_cut_off": Words("Show the whole code", "Move your badge to the middle of the camera's view."),
        "moment": Words("One moment", "We are checking your badge. Please stay here."),
        # the passage is counted
        "welcome": Words("Welcome", "Please go in."),
        "goodbye": Words("Goodbye", "Please go through. See you again soon."),
        "counted": Words("Already counted", "This badge was counted a moment ago. Nothing more to do."),
        # the code
        "not_ours": Words("Not a badge of this event", "Please show this event's badge, or ask a steward."),
        "damaged": Words("Code not readable", "It may be bent or scratched. A steward can help you."),
        "forged": _STEWARD,
        "too_early": Words("Badge not valid yet", "It starts later. Please come back then, or ask a steward."),
        "expired": Words("Badge no longer valid", "Its time is over. A steward can help you."),
        "revoked": _STEWARD,
        # the session
        "no_session": Words("No session here just now", "The programme shows what comes next."),
        "doors_closed": Words("The doors are closed", "Please look at the programme, or ask a steward."),
        "not_listed": Words("For invited guests", "This session is for invited guests. A steward can help."),
        "delegation_full": _STEWARD,
        "ask_list": Words("Please ask a steward", "You may be on a newer list than this door has."),
        "inside_already": Words("Already inside", "By our count this badge is inside. Please ask a steward."),
        # the seats
        "held": Words("One moment, please", "Nobody is let in just now. A steward will tell you when."),
        "full": Words("This room is full", "There is no free seat just now. A steward can tell you more."),
        "no_seats": Words("Please ask a steward", "This door has no free seat left. They can look for one."),
        # what a courier's phone showed
        "courier_thanks": Words("Thank you", "This door has taken the code."),
        "courier_old": Words("Nothing new in this code", "This door knew all of it. Open Courier for a new letter."),
        "courier_astray": Words("A code for another door", "Please show it to the camera of its own door:"),
        "courier_doubted": Words("Code not accepted", "It is not for this door as it is now. Open Courier again."),
        # the kiosk itself; read by visitors and stewards alike
        "steward": _STEWARD,
        "camera_away": Words("Camera not working", "Please use another door. Steward: check the camera's cable."),
        "disk_full": Words("This door cannot count", "Please use another door. Steward: storage is full, call help."),
        "out_of_order": Words("Out of order", "Please use another door. Steward: turn this kiosk off and on."),
        # before it is enrolled; read by whoever sets it up
        "pair": Words("Not set up yet", "Show the pairing code from the server's Kiosks page to the camera."),
        "pair_moment": Words("Asking the server", "The code was read."),
        "pair_digits": Words("Same digits there?", "Compare them with the server's page, and confirm them there."),
        "pair_done": Words("Set up", "This door starts in a moment."),
        "pair_refused": Words("Not accepted", "The server refused this code. Show the camera a new one."),
        "pair_expired": Words("The code has expired", "Make a new one on the server's Kiosks page and show it here."),
        "pair_away": Words("Server not reached", "This door keeps trying. Check its network, and this address:"),
        "pair_untrusted": Words("This is not the server", "Something else answers for it. Check network and address:"),
    }
)
