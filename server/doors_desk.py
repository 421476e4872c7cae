"""The command ``doors``: what the page *At the doors* does, whether the server runs or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import click
from sqlalchemy import Connection

from server import doors, event
from server.config import Config
from server.doors import Doors
from server.store.engine import Reader, transaction
from server.trail import Who

WHO = Who("the command line")


def register(group: click.Group, now: Callable[[], datetime]) -> None:
    """Adds the command to the server's others."""

    @group.command("doors")
    @click.option("--languages", help="in order, with commas between, like en,fr; empty: as kiosks usually speak")
    @click.option("--show-names/--hide-names", default=None, help="whether kiosks greet people by name")
    @click.pass_obj
    def set_doors(config: Config, languages: str | None, *, show_names: bool | None) -> None:
        """Say what the doors say: names or none, and in which languages. Without an option: tell what they say."""
        if languages is None and show_names is None:
            click.echo(_said(config))
            return
        tags = None if languages is None else event.languages_of(filter(None, languages.split(",")))

        def work(connection: Connection) -> bool:
            was = doors.read(connection)
            names = was.names if show_names is None else show_names
            wanted = Doors(names, was.languages if tags is None else tags)
            return doors.change(connection, wanted, was.mark, WHO, now())

        with transaction(config.url) as connection:
            moved = work(connection)
        click.echo(f"{_said(config)}; {'kiosks in reach know within seconds' if moved else 'it was so before'}")


def _said(config: Config) -> str:
    reader = Reader(config.url)
    with reader.read() as connection:
        now = doors.read(connection)
    reader.close()
    names = "people are greeted by name" if now.names else "nobody is greeted by name"
    return f"{names}; languages: {', '.join(now.languages) or 'as kiosks usually speak'}"
