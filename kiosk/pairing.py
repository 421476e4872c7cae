"""How a kiosk without an enrolment gets one: it reads the server's pairing code, answers with a key of its own, and
waits until the admin has compared six digits.

Nothing but an answer that the code's server key has signed, and that names this kiosk's own key, changes anything
here; the network may say what it likes. Camera, reader, network, chance and clock are passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from admission import pairing, roots, wire
from admission.errors import BadMessage, BadSignature, NetworkError, PeerError, ThresholdError
from admission.pairing import PREFIX, Code, Enrol, Enrolled, State
from admission.roots import BadCertificate
from admission.wire import Enrolment
from kiosk.camera import Away, Frame
from kiosk.face import Face, Shown, Status
from kiosk.reader import Reader

log = logging.getLogger(__name__)

EVERY_MS = 1000
GONE = 410


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, body, and the signature of its header ("" if there is none)."""

    status: int
    body: bytes
    signature: str


class Post(Protocol):
    """The way to the server."""

    def __call__(self, url: str, body: bytes, signature: str, pinned: str, /) -> Reply:
        """Posts the signed body and waits for the reply, a few seconds at most. ``pinned``: the only roots that the
        server's certificate may rest on, as PEM ("": as the kiosk is set up). Raises NetworkError, and BadCertificate
        if whoever answers cannot prove to be the server."""

    def fetch(self, url: str, /) -> bytes:
        """What is at the address, whoever answers there: to be believed only for what it is. Raises NetworkError."""


class Step(Enum):
    """What one question came to. The last two may pass by themselves; REFUSED and EXPIRED need a new code."""

    ASKED = auto()
    CONFIRMED = auto()
    REFUSED = auto()
    EXPIRED = auto()
    UNREACHABLE = auto()
    UNTRUSTED = auto()


OVER = (Step.REFUSED, Step.EXPIRED)
_WORDS = {
    Step.ASKED: "pair_digits",
    Step.CONFIRMED: "pair_done",
    Step.REFUSED: "pair_refused",
    Step.EXPIRED: "pair_expired",
    Step.UNREACHABLE: "pair_away",
    Step.UNTRUSTED: "pair_untrusted",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A step; ``answer``: the server's signed word, if that is what it rests on; ``trouble``: for staff."""

    step: Step
    answer: Enrolled | None = None
    trouble: str = ""


class Candidate:
    """A kiosk-to-be: one code and one key, made for it."""

    def __init__(self, text: str, seed: bytes, post: Post) -> None:
        """``text``: what was read; ``seed``: 32 random bytes. Raises BadMessage if it is no code that can be used."""
        self.code: Code = pairing.read_code(text)
        try:
            self._server_key = Ed25519PublicKey.from_public_bytes(self.code.server_key)
        except ValueError as error:
            raise BadMessage("this pairing code is damaged") from error
        self._seed, self._post = seed, post
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()
        self._pinned = ""

    @property
    def digits(self) -> str:
        """What the admin compares; to be shown only once the server has signed that it has this very key."""
        return pairing.digits(self.code, self._public)

    def ask(self) -> Outcome:
        """Asks once; asking again changes nothing. The token goes to nobody whose certificate does not rest on the
        roots that the code names."""
        body = pairing.encode(Enrol(token=self.code.token, public=self._public))
        try:
            self._pin()
            reply = self._post(self._at(pairing.PATH), body, wire.sign(pairing.UP, body, self._key), self._pinned)
        except NetworkError as error:
            return Outcome(Step.UNREACHABLE, trouble=str(error))
        except PeerError as error:
            return Outcome(Step.UNTRUSTED, trouble=str(error))
        return self._judge(reply)

    def _judge(self, reply: Reply) -> Outcome:
        if reply.status == GONE:
            return Outcome(Step.EXPIRED)
        if reply.status != 200:
            return Outcome(Step.UNREACHABLE, trouble=f"the server answered {reply.status}")
        try:
            answer = self._open(reply)
        except (BadSignature, BadMessage) as error:
            return Outcome(Step.UNTRUSTED, trouble=str(error))
        return Outcome(Step[answer.state.name], answer)

    def enrolment(self, answer: Enrolled) -> Enrolment:
        """What to keep, once ``answer`` says CONFIRMED."""
        if answer.state is not State.CONFIRMED:
            raise ValueError("not confirmed yet")
        code = self.code
        return Enrolment(
            device=answer.device, seed=self._seed, server=code.url, server_key=code.server_key, ca=self._pinned
        )

    def _at(self, path: str) -> str:
        return self.code.url.rstrip("/") + path

    def _pin(self) -> None:
        """Gets the roots whose fingerprint the code has, once. Raises NetworkError, and PeerError if others come."""
        if self._pinned or not self.code.roots:
            return
        try:
            found = roots.read(self._post.fetch(self._at(pairing.ROOTS_PATH)))
        except BadMessage as error:
            raise BadMessage(f"what answers gives no certificates to trust: {error}") from error
        if roots.fingerprint(found) != self.code.roots:
            raise BadCertificate("what answers gives other certificates than those in the code")
        self._pinned = found

    def _open(self, reply: Reply) -> Enrolled:
        wire.check(pairing.DOWN, reply.body, reply.signature, self._server_key)
        answer = pairing.decode_enrolled(reply.body)
        if answer.public != self._public:
            raise BadMessage("the server answered another key than this kiosk's")
        return answer


class Booth:
    """Pairing before the camera: shows what to do, reads codes, and asks about once a second."""

    def __init__(
        self, reader: Reader, post: Post, face: Face, seed: Callable[[], bytes], now: Callable[[], int]
    ) -> None:
        """``seed``: 32 random bytes each time; ``now``: milliseconds that never jump."""
        self._reader, self._post, self._face, self._seed, self._now = reader, post, face, seed, now
        self._known: dict[str, Candidate] = {}
        self._candidate: Candidate | None = None
        self._seen = ""
        self._due = 0
        self._asked = self._blind = False
        self._show(Shown("pairing", "pair"))

    def step(self, frame: Frame | Away) -> Enrolment | None:
        """Takes one frame; the enrolment as soon as the admin has confirmed it."""
        self._look(frame)
        if self._candidate is None or self._now() < self._due:
            return None
        enrolment = self._ask(self._candidate)
        self._due = self._now() + EVERY_MS
        return enrolment

    def _look(self, frame: Frame | Away) -> None:
        """Takes up a new code. What is no pairing code is passed over; so is another one while digits are compared."""
        if isinstance(frame, Away):
            if self._candidate is None:
                self._face.show(Shown("trouble", "camera_away"))
                self._blind = True
            return
        if self._blind:
            self._blind = False
            self._face.show(self._shown)
        if self._asked:
            return
        codes = [
            reading.text
            for reading in self._reader.look(frame, self._now()).readings
            if reading.text.startswith(PREFIX)
        ]
        if codes and codes[0] != self._seen:
            self._seen = codes[0]
            self._take_up(codes[0])

    def _take_up(self, text: str) -> None:
        """The same code always gets the same key: a second one would look like somebody else's."""
        try:
            self._candidate = self._known[text] = self._known.get(text) or self._make(text)
        except BadMessage as error:
            self._candidate = None
            self._show(Shown("pairing", "pair"), str(error))
            return
        self._due = 0
        self._show(Shown("pairing", "pair_moment"))

    def _make(self, text: str) -> Candidate:
        return Candidate(text, self._seed(), self._post)

    def _ask(self, candidate: Candidate) -> Enrolment | None:
        outcome = candidate.ask()
        self._asked = outcome.step is Step.ASKED
        self._show(_shown(candidate, outcome), outcome.trouble)
        if outcome.step in OVER:
            self._candidate = None
        if outcome.step is Step.CONFIRMED and outcome.answer is not None:
            log.info("enrolled as %s", outcome.answer.device)
            return candidate.enrolment(outcome.answer)
        return None

    def _show(self, shown: Shown, trouble: str = "") -> Shown:
        self._shown = shown
        self._face.show(shown)
        self._face.report(Status(trouble=trouble))
        return shown


def converse(
    candidate: Candidate, say: Callable[[str], object], wait: Callable[[float], object]
) -> tuple[Enrolment, Enrolled]:
    """The same in a terminal: ``say`` is given each line; returns once the admin has confirmed.

    Raises ThresholdError if the code is refused or over.
    """
    said = ""
    while True:
        outcome = candidate.ask()
        line = _line(candidate, outcome)
        if outcome.step is Step.CONFIRMED and outcome.answer is not None:
            return candidate.enrolment(outcome.answer), outcome.answer
        if outcome.step in OVER:
            raise ThresholdError(line)
        if line != said:
            say(line)
            said = line
        wait(EVERY_MS / 1000)


def _shown(candidate: Candidate, outcome: Outcome) -> Shown:
    digits = candidate.digits if outcome.step is Step.ASKED else ""
    answer = outcome.answer
    place = f"{answer.device} · {answer.gate}" if answer is not None and outcome.step not in OVER else ""
    detail = candidate.code.url if outcome.step in (Step.UNREACHABLE, Step.UNTRUSTED) else place
    return Shown("pairing", _WORDS[outcome.step], digits, detail)


def _line(candidate: Candidate, outcome: Outcome) -> str:
    shown = _shown(candidate, outcome)
    why = f" ({outcome.trouble})" if outcome.trouble else ""
    if outcome.step is Step.ASKED:
        return f"{shown.name}   Compare these digits with the server's page, and confirm them there."
    return f"{shown.title}: {shown.advice}{why}"
