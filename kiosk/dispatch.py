"""What this kiosk says to the server and how it takes the answer: messages from journal and standing, and back.

A report and its passages are read together, so they never contradict each other. Knows nothing of the network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from admission import courier, wire
from admission.courier import Delivered
from admission.errors import BadMessage
from admission.health import Health, is_sound
from admission.seats import RolledBack
from admission.wire import Answer, Enrolment, Exchange, Lane, Presenting, Report
from kiosk.clock import Anchor, Clock
from kiosk.disk import CLOSED, Disk
from kiosk.journal import Journal
from kiosk.standing import Standing

log = logging.getLogger(__name__)

ASK_PASSAGES = 20
NEWS_PASSAGES = 200
COURIER_PASSAGES = 3000
HEALTH_EVERY_MS = 10_000


class NotForThisKiosk(BadMessage):
    """A courier's answer to another kiosk. ``addressee``: which."""

    def __init__(self, addressee: str) -> None:
        super().__init__(f"a courier's answer to {addressee}")
        self.addressee = addressee


@dataclass(frozen=True, slots=True)
class Letter:
    """A signed message, ready to be posted, and when it was written (ms of this boot)."""

    body: bytes
    headers: dict[str, str]
    written_ms: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a letter says besides journal and standing: who came lately, a name of the hardware, how well it reads."""

    arrivals: Callable[[], int] = lambda: 0
    machine: str = ""
    health: Callable[[], Health | None] = lambda: None


class Dispatch:
    """Writes letters and reads answers."""

    def __init__(
        self, enrolment: Enrolment, disk: Disk, journal: Journal, standing: Standing, clock: Clock, vitals: Vitals
    ) -> None:
        self._vitals = vitals
        self._health_due_ms = 0
        self._device = enrolment.device
        self._key = Ed25519PrivateKey.from_private_bytes(enrolment.seed)
        self._server_key = Ed25519PublicKey.from_public_bytes(enrolment.server_key)
        self._disk = disk
        self._journal = journal
        self._standing = standing
        self._clock = clock
        kept = disk.fact("anchor")
        clock.adopt(msgspec.json.decode(kept, type=Anchor) if kept else None)

    def write(self, lane: Lane, presenting: Presenting | None = None, wait_ms: int = 0) -> Letter:
        """A letter with the report of this moment and the oldest passages that the server does not have.

        One in the news lane also says how well the kiosk reads, every ten seconds. Only one thread writes these.
        """
        written = self._clock.ms()
        if lane is Lane.ASK:  # somebody waits for it: small and quick
            return self._seal(self._message(lane, written, ASK_PASSAGES, presenting, wait_ms))
        message = self._message(lane, written, NEWS_PASSAGES, presenting, wait_ms)
        return self._seal(msgspec.structs.replace(message, health=self._health(written)))

    def _health(self, now_ms: int) -> Health | None:
        """The figures, if they are due. Nothing that is wrong with them may cost the door its line: the server refuses
        a letter with one figure out of bounds, and all that it brings."""
        if now_ms < self._health_due_ms:
            return None
        try:
            health = self._vitals.health()
            if health is None:
                return None
            self._health_due_ms = now_ms + HEALTH_EVERY_MS
            if is_sound(health):
                return health
            log.error("the figures of reading are out of bounds and not sent: %s", health)
        except Exception:  # see above
            self._health_due_ms = now_ms + HEALTH_EVERY_MS
            log.exception("there are no figures of reading")
        return None

    def read_out(self, *, whole: bool) -> Iterator[Letter]:
        """The report of this moment with the journal, in as many letters as it takes, at least one: what was not
        acknowledged, or with ``whole`` all of it. For a kiosk that does nothing else meanwhile."""
        message = msgspec.structs.replace(self._message(Lane.NEWS, self._clock.ms(), 0), cursors=None)
        after = 0 if whole else self._journal.acknowledged
        while True:
            some = tuple(self._journal.after(after, NEWS_PASSAGES))
            yield self._seal(msgspec.structs.replace(message, first_seq=after + 1, passages=some))
            after += len(some)
            if not some or after >= message.head_seq:
                return

    def _seal(self, message: Exchange) -> Letter:
        body = wire.encode(message)
        signature = wire.sign(wire.UP, body, self._key)
        return Letter(body, {wire.DEVICE_HEADER: self._device, wire.SIGNATURE_HEADER: signature}, message.boot_ms)

    def _message(
        self, lane: Lane, written: int, most: int, presenting: Presenting | None = None, wait_ms: int = 0
    ) -> Exchange:
        """The report of this moment and the oldest passages that were not acknowledged, read under one lock."""
        with self._disk.held:
            first, passages = self._journal.pending(most)
            return Exchange(
                device=self._device,
                incarnation=self._disk.incarnation,
                boot=self._clock.boot,
                boot_ms=written,
                lane=lane,
                reports=self._reports(),
                first_seq=first,
                passages=tuple(passages),
                head_seq=self._journal.seq,
                head=self._journal.head,
                presenting=presenting,
                cursors=self._standing.cursors if lane is Lane.NEWS else None,
                wait_ms=wait_ms,
                era=self._journal.era,
                acknowledged=self._journal.acknowledged,
                machine=self._vitals.machine,
                closed=self._disk.fact(CLOSED) is not None,
            )

    def read(self, letter: Letter, body: bytes, signature: str) -> Answer:
        """Takes the server's answer to ``letter``: what it says is on the disk when this returns.

        Raises BadSignature or BadMessage for an answer that is not the server's or cannot be read (nothing is taken
        then), RolledBack if the server knows passages that this store does not hold.
        """
        wire.check(wire.DOWN, body, signature, self._server_key)
        answer = wire.decode_answer(body)
        if (answer.device, answer.incarnation) != (self._device, self._disk.incarnation):
            raise BadMessage("an answer to another kiosk, or to an earlier store of this one")
        if (answer.boot, answer.boot_ms) != (self._clock.boot, letter.written_ms):
            raise BadMessage("an answer to another letter")
        self._take(answer)
        self._learn(answer)
        self._standing.heard(answer.now)
        if answer.programme is None and answer.badges is None:
            self._anchor(letter, answer)
        return answer

    def _take(self, answer: Answer | Delivered) -> None:
        """K4, and what the server holds of the journal."""
        if answer.have_seq > self._journal.seq:
            raise RolledBack(
                f"the server holds {answer.have_seq} passages of this store, the store {self._journal.seq}"
            )
        with self._disk.held:  # the two lanes' answers may arrive in any order, and the door goes on meanwhile
            for grant in answer.grants:
                self._standing.accept(grant, answer.have_seq, self._journal.seq)
            self._journal.acknowledge(answer.have_seq, answer.era)

    def slips(self) -> list[str]:
        """The texts of the codes that a courier carries: the report of this moment and what was not acknowledged."""
        message = self._message(Lane.NEWS, self._clock.ms(), COURIER_PASSAGES)
        return courier.frames(msgspec.structs.replace(message, cursors=None), self._key)

    def read_courier(self, text: str) -> Delivered:
        """Takes what a courier brings; what it says is on the disk when this returns. An old word changes nothing.

        Raises BadSignature, NotForThisKiosk or another BadMessage (nothing is taken then), RolledBack like ``read``.
        """
        delivered = courier.open_answer(text, self._server_key)
        if delivered.device != self._device:
            raise NotForThisKiosk(delivered.device)
        if delivered.incarnation != self._disk.incarnation:
            raise BadMessage("a courier's answer to an earlier store of this kiosk")
        self._take(delivered)
        return delivered

    def age_ms(self, letter: Letter) -> int:
        """How long ago the letter was written."""
        return self._clock.ms() - letter.written_ms

    @property
    def behind(self) -> bool:
        """Whether the next news should be asked for at once: something is still missing or unsent."""
        return (
            self._journal.waiting > 0 or not self._standing.cursors.badges or any(r.era == 0 for r in self._reports())
        )

    def _learn(self, answer: Answer) -> None:
        if answer.programme is not None:
            self._standing.learn_programme(answer.programme)
        if answer.badges is not None:
            self._standing.learn_badges(answer.badges)
        if answer.presence is not None:
            self._standing.learn_presence(answer.presence, answer.have_seq)

    def _anchor(self, letter: Letter, answer: Answer) -> None:
        before = self._clock.anchor
        anchor = self._clock.hear(letter.written_ms, answer.now)
        if before is None or anchor.uncertainty_ms < before.uncertainty_ms // 2:
            with self._disk.transaction():
                self._disk.set_fact("anchor", msgspec.json.encode(anchor).decode())

    def _reports(self) -> tuple[Report, ...]:
        site = self._standing.site
        rooms = self._standing.rooms_held
        if site is not None and site.room.limit is not None:
            rooms |= {site.room.id}
        mine = site.room.id if site is not None else ""
        return tuple(
            Report(
                room,
                **asdict(self._standing.account(room)),
                arrivals=self._vitals.arrivals() if room == mine else 0,
                hold=self._standing.hold(room).number,
            )
            for room in sorted(rooms)
        )
