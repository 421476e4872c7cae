"""The demo's live view in the terminal: scans a minute, inside per room, link and queue per kiosk. Only reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy import func, select

from admission.errors import ThresholdError
from server.current import Current
from server.occupancy import board
from server.store.engine import Reader
from server.store.instants import to_ms
from server.store.schema import passage

REFRESH_S = 0.5
PLAIN_S = 10.0
MINUTE_MS = 60_000
COLOURS = {"calm": "green", "near": "yellow", "tight": "dark_orange", "full": "bold red", "over": "bold white on red"}
LINKS = {
    "live": "[green]up[/]",
    "late": "[yellow]late[/]",
    "silent": "[red]silent[/]",
    "never": "[dim]starting[/]",
    "fenced": "[magenta]fenced[/]",
    "revoked": "[dim]revoked[/]",
}


class View:
    """Follows the server's database; on something that is no terminal, one line every ten seconds."""

    def __init__(self, database: str, clock: Callable[[], datetime]) -> None:
        self._store = Reader(database)
        self._clock = clock
        self._current = Current(self._store, clock)

    def run(self, seconds: float | None, check: Callable[[], str]) -> None:
        """Shows until interrupted or for so long. Raises ThresholdError if ``check`` says that something ended."""
        console = Console()
        until = time.monotonic() + seconds if seconds is not None else float("inf")
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            spoken = 0.0
            while time.monotonic() < until:
                if wrong := check():
                    raise ThresholdError(wrong)
                picture = self._look()
                if console.is_terminal:
                    live.update(self._draw(picture))
                elif time.monotonic() - spoken > PLAIN_S:
                    spoken = time.monotonic()
                    console.print(_line(picture))
                time.sleep(REFRESH_S)

    def _look(self) -> dict[str, Any]:
        now = self._clock()
        with self._store.read() as connection:
            seen: dict[str, Any] = board(connection, self._current.get(), now)
            lately = select(passage.c.kind, func.sum(passage.c.count)).where(passage.c.at > to_ms(now) - MINUTE_MS)
            seen["lately"] = dict(connection.execute(lately.group_by(passage.c.kind)).all())
            seen["passages"] = connection.execute(select(func.count()).select_from(passage)).scalar_one()
        return seen

    def _draw(self, seen: dict[str, Any]) -> Group:
        lately = seen["lately"]
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(lately.items())) or "nobody yet"
        head = Text(f"{seen['at']}   {sum(lately.values())} scans in the last minute ({words})", style="bold")
        return Group(head, Text(f"{seen['passages']} passages in the log\n"), _rooms(seen), _kiosks(seen))


def _rooms(seen: dict[str, Any]) -> Table:
    table = Table("room", "inside", "of", "", "now", box=None, header_style="dim")
    for room in seen["rooms"]:
        if room["capacity"] is None or not (room["possible"] or room["in_5"]):
            continue
        colour = COLOURS[room["level"]]
        bar = f"[{colour}]{'█' * round(20 * min(1, room['share']))}[/]"
        now = room["now"]["title"] if room["now"] else ""
        table.add_row(room["name"], f"[{colour}]{_bodies(room)}[/]", str(room["capacity"]), bar, now)
    return table


def _kiosks(seen: dict[str, Any]) -> Table:
    table = Table("kiosk", "gate", "link", "heard", "queue", "seats", box=None, header_style="dim")
    for one in seen["kiosks"]:
        heard = "" if one["heard_s"] is None else f"{one['heard_s']} s ago"
        table.add_row(one["name"], one["gate"], LINKS[one["state"]], heard, str(one["queue"]), str(one["seats"]))
    return table


def _bodies(room: dict[str, Any]) -> str:
    """Confirmed, or confirmed to possible."""
    inside, possible = room["inside"], room["possible"]
    return str(inside) if inside == possible else f"{inside}-{possible}"


def _line(seen: dict[str, Any]) -> str:
    rooms = ", ".join(
        f"{r['name']} {_bodies(r)}/{r['capacity']}" for r in seen["rooms"] if r["capacity"] and r["possible"]
    )
    links = " ".join(f"{one['name']}:{one['state']}:{one['queue']}" for one in seen["kiosks"])
    return f"{seen['at']} {sum(seen['lately'].values())} scans/min; {rooms or 'nobody inside yet'}; {links}"
