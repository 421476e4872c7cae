"""The audit: proves from the log alone that no room was over its capacity and that nothing is missing, changed,
forked or unmatched. Only reads, all of it as of one moment, beside the server.

Each proof is in :mod:`server.proofs`; here they are run, and the report is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from server import event
from server.event import Event
from server.proofs import accounts, bodies, chains, forks, loose_ends, stays
from server.proofs.evidence import Check, Verdict, clock, many

SHOWN = 20
"""So many findings of a check are printed."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit looked at and found."""

    event: Event
    at: datetime
    passages: int
    kiosks: int
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all checks."""
        all_of = {check.verdict for check in self.checks}
        return next(one for one in (Verdict.WRONG, Verdict.NOTE, Verdict.OK) if one in all_of)


def run(connection: Connection, now: datetime) -> Audit:
    """Checks the whole log as it is at this moment. Raises ConfigError if the database holds no event."""
    _hold_still(connection)
    facts = event.read(connection)
    log, passages, kiosks = chains.check(connection, facts.zone)
    checks = (
        *log,
        forks.check(connection, facts.zone),
        *accounts.check(connection, facts.zone),
        *bodies.check(connection, facts.zone),
        *stays.check(connection, facts.zone),
        *loose_ends.check(connection, facts.zone, now),
    )
    return Audit(facts, now, passages, kiosks, checks)


def report(audit: Audit) -> Iterator[str]:
    """The report, line by line; the last line is the verdict."""
    zone = audit.event.zone
    yield f"Audit of {audit.event.name}, {clock(audit.at, zone)} ({zone.key})"
    section = ""
    for check in audit.checks:
        if check.section != section:
            section = check.section
            yield ""
            yield section
        yield f"  {check.verdict:<5}  {check.said}"
        for finding in check.findings[:SHOWN]:
            yield f"           {finding.verdict}: {finding.text}"
        more = len(check.findings) - SHOWN + check.more
        if more > 0:
            yield f"           and {more:,} more"
    yield ""
    yield _verdict(audit)


def as_json(audit: Audit) -> bytes:
    """Everything that was found, for a machine."""
    checks = [msgspec.to_builtins(check) for check in audit.checks]
    whole: dict[str, Any] = {"event": audit.event.name, "at": audit.at, "verdict": audit.verdict, "checks": checks}
    whole |= {"passages": audit.passages, "kiosks": audit.kiosks, "last": _verdict(audit)}
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def _verdict(audit: Audit) -> str:
    if audit.verdict is not Verdict.WRONG:
        looked = f"{many(audit.passages, 'passage')} of {many(audit.kiosks, 'kiosk')}"
        notes = sum(len(check.findings) + check.more for check in audit.checks)
        noted = f"; {many(notes, 'note')} above" if notes else ""
        return f"Nothing wrong: {looked}, {_peaks(audit)}{noted}."
    wrong = [check for check in audit.checks if check.verdict is Verdict.WRONG]
    first = "; ".join(check.findings[0].text for check in wrong[:3])
    return f"WRONG: {many(len(wrong), 'check')} of {len(audit.checks)} failed: {first}"


def _peaks(audit: Audit) -> str:
    unproven = sum(any("unproven" in finding.facts for finding in check.findings) for check in audit.checks)
    rooms = many(unproven, "room")
    return f"a peak that nothing proves yet in {rooms}" if unproven else "peak within capacity in every room"


def _hold_still(connection: Connection) -> None:
    """All reads see the database as it is now; nobody waits for them."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
