"""The journal: every passage of this store, in the order in which it happened, chained, until the end of the event.

Also the last visit of each badge, so that this kiosk knows whom it let in. Keeps badge ids, never tokens or names.
"""

from __future__ import annotations

from dataclasses import dataclass

from admission.errors import DiskError
from admission.passage import GENESIS, Kind, Passage, chain, decode, encode
from admission.seats import Account
from kiosk.disk import CLOSED, Disk
from kiosk.standing import save_account


@dataclass(frozen=True, slots=True)
class Visit:
    """The last time that a badge passed into or out of a room here."""

    kind: Kind
    seq: int
    boot: str
    boot_ms: int


class Journal:
    """Appends within a transaction of the disk; reads what is not yet acknowledged."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        with disk.reading() as connection:
            row = connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq, self._head = (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))
        self._acknowledged = int(disk.fact("acknowledged") or 0)
        self._era = int(disk.fact("era") or 0)
        self._shown = int(disk.fact("shown") or 0)

    @property
    def seq(self) -> int:
        """The number of the last passage; 0 before the first."""
        return self._seq

    @property
    def head(self) -> bytes:
        """The hash of the last passage, over all before it."""
        return self._head

    @property
    def waiting(self) -> int:
        """Passages that the server has not acknowledged."""
        return self._seq - self._acknowledged

    @property
    def era(self) -> int:
        """The server's era as this kiosk knows it; 0 before the first answer."""
        return self._era

    @property
    def acknowledged(self) -> int:
        """All passages up to this one are on the server."""
        return self._acknowledged

    def append(self, passage: Passage, account: tuple[str, Account] | None = None) -> int:
        """Writes the passage, with the room's account after it, in one transaction; returns the passage's number.

        On the disk when this returns. Raises DiskError, and then neither is; always for a store that was closed.
        """
        if self._disk.fact(CLOSED) is not None:
            raise DiskError("this store was read out for good and takes no more: start the kiosk again")
        seq, body = self._seq + 1, encode(passage)
        head = chain(self._head, body)
        with self._disk.transaction() as connection:
            connection.execute("INSERT INTO journal (seq, body, hash) VALUES (?, ?, ?)", (seq, body, head))
            if passage.kind is Kind.ANNULLED:
                connection.execute("INSERT INTO annulled (seq) VALUES (?)", (passage.of,))
                connection.execute("DELETE FROM visit WHERE seq = ?", (passage.of,))
            elif passage.kind is not Kind.REFUSED and passage.badge:
                visit = (passage.badge >> 32, passage.room, passage.kind.value, seq, passage.boot, passage.boot_ms)
                connection.execute("INSERT OR REPLACE INTO visit VALUES (?, ?, ?, ?, ?, ?)", visit)
            if account is not None:
                save_account(connection, *account)
        self._seq, self._head = seq, head
        return seq

    def pending(self, limit: int) -> tuple[int, list[bytes]]:
        """The number of the first passage that is not acknowledged, and the bytes of up to ``limit`` from it on."""
        with self._disk.held:
            return self._acknowledged + 1, self.after(self._acknowledged, limit)

    def after(self, seq: int, limit: int) -> list[bytes]:
        """The bytes of up to ``limit`` passages behind passage ``seq``."""
        with self._disk.reading() as connection:
            query = "SELECT body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
            return [bytes(row[0]) for row in connection.execute(query, (seq, limit))]

    def acknowledge(self, seq: int, era: int) -> None:
        """The server holds everything up to ``seq``. In a new era it may hold less than it had said: the rest is sent
        again. What it said in an earlier one no longer counts."""
        if era < self._era or (era == self._era and seq <= self._acknowledged):
            return
        with self._disk.transaction():
            self._disk.set_fact("acknowledged", str(seq))
            self._disk.set_fact("era", str(era))
        self._acknowledged, self._era = seq, era

    def last_visit(self, serials: set[int], room: str) -> Visit | None:
        """The last passage here of a person who has held these badges, into or out of the room."""
        with self._disk.reading() as connection:
            marks = ",".join("?" * len(serials))
            row = connection.execute(
                f"SELECT kind, seq, boot, boot_ms FROM visit WHERE room = ? AND serial IN ({marks})"  # noqa: S608
                " ORDER BY seq DESC LIMIT 1",
                (room, *serials),
            ).fetchone()
        return None if row is None else Visit(Kind(row[0]), int(row[1]), str(row[2]), int(row[3]))

    def latest(self, limit: int) -> list[tuple[int, Passage]]:
        """The newest passages with their numbers, the newest first."""
        with self._disk.reading() as connection:
            rows = connection.execute("SELECT seq, body FROM journal ORDER BY seq DESC LIMIT ?", (limit,))
            return [(int(seq), decode(bytes(body))) for seq, body in rows]

    def passage(self, seq: int) -> Passage | None:
        """The passage of that number."""
        with self._disk.reading() as connection:
            row = connection.execute("SELECT body FROM journal WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else decode(bytes(row[0]))

    def is_annulled(self, seq: int) -> bool:
        """Whether the entry was annulled here: that happens once."""
        with self._disk.reading() as connection:
            return connection.execute("SELECT 1 FROM annulled WHERE seq = ?", (seq,)).fetchone() is not None

    def last_entry(self) -> int:
        """The number of the newest entry, forced or not, that is not annulled; 0 if there is none."""
        with self._disk.reading() as connection:
            for seq, body in connection.execute("SELECT seq, body FROM journal ORDER BY seq DESC LIMIT 100"):
                if decode(bytes(body)).kind in (Kind.ENTRY, Kind.FORCED) and not self.is_annulled(seq):
                    return int(seq)
        return 0

    def last_session(self) -> str:
        """The session of the newest passage that names one: what was served before a restart; "" if none."""
        with self._disk.reading() as connection:
            for row in connection.execute("SELECT body FROM journal ORDER BY seq DESC LIMIT 500"):
                passage = decode(bytes(row[0]))
                if passage.kind is not Kind.REFUSED and passage.session:
                    return passage.session
        return ""

    def mark_shown(self, seq: int) -> None:
        """The visitor has seen the verdict of passage ``seq``, and of all before it. Raises DiskError: then a power cut
        may bring it once more, and nothing else does."""
        self._shown = max(self._shown, seq)
        with self._disk.transaction():
            self._disk.set_fact("shown", str(self._shown))

    def was_shown(self, seq: int) -> bool:
        """False for an admission that was written before a power cut and never seen."""
        return seq <= self._shown
