"""``threshold-server pair-kiosk``: the pairing of a kiosk in a terminal, beside the server or from another machine with
the same database. Time and chance are passed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import click

from admission import pairing as words
from admission.errors import ConfigError
from server import pairing, roots, symbol
from server.config import Config
from server.pairing import Pairing, State, Wanted
from server.store.engine import Reader, transaction

LOOK_S = 1.0
TOLD = {
    State.REFUSED: "this pairing was refused or cancelled; nobody was enrolled",
    State.EXPIRED: "the ten minutes are over; nobody was enrolled",
    State.CONTESTED: "two kiosks have answered: somebody else has read this code, or the kiosk was turned off and on;"
    " nobody was enrolled; start again where no other camera can look",
}


def command(now: Callable[[], datetime], chance: Callable[[int], bytes]) -> click.Command:
    """The command, to be added to the others. ``chance``: so many random bytes."""

    @click.command("pair-kiosk")
    @click.argument("name")
    @click.option("--gate", required=True, help="the gate's reference")
    @click.option("--server", required=True, help="the address under which the kiosk reaches this server")
    @click.pass_obj
    def pair_kiosk(config: Config, name: str, gate: str, server: str) -> None:
        """Enrol a kiosk by a code that it reads off this screen; asks whether it shows the same six digits."""
        token = chance(words.TOKEN_BYTES)
        wanted, trusted = Wanted(name, gate, server.rstrip("/"), "command line"), roots.read(config.ca)
        with transaction(config.url) as connection:
            begun = pairing.begin(connection, wanted, token, now())
            code = pairing.code(connection, begun, token, trusted)
        text = words.write_code(code)
        for line in [*symbol.lines(text), text, "Show this code to the kiosk; it is valid once, for ten minutes."]:
            click.echo(line)
        try:
            asked = _follow(config, begun, now)
            _ask(config, begun, words.digits(code, asked), now)
        except (KeyboardInterrupt, click.Abort):
            _give_up(config, begun)
            raise
        click.echo(f"{name} stands at {gate}")

    return pair_kiosk


def _follow(config: Config, begun: Pairing, now: Callable[[], datetime]) -> bytes:
    """The key of the kiosk that has answered. Raises ConfigError if the pairing ends otherwise."""
    reader = Reader(config.url)
    while True:
        with reader.read() as connection:
            one = pairing.look(connection, begun.id, now())
        if one is None or one.state in TOLD:
            raise ConfigError(TOLD[State.EXPIRED if one is None else one.state])
        if one.public is not None:
            return one.public
        time.sleep(LOOK_S)


def _ask(config: Config, begun: Pairing, digits: str, now: Callable[[], datetime]) -> None:
    click.echo(f"A kiosk has answered:  {digits}")
    same = click.confirm("Does the kiosk show the same digits?")
    with transaction(config.url) as connection:
        one = pairing.look(connection, begun.id, now())
        if one is None or one.state in TOLD:
            raise ConfigError(TOLD[State.EXPIRED if one is None else one.state])
        if same:
            pairing.confirm(connection, begun.id, now())
        else:
            pairing.refuse(connection, begun.id)
    if not same:
        raise ConfigError(TOLD[State.REFUSED])


def _give_up(config: Config, begun: Pairing) -> None:
    with transaction(config.url) as connection:
        try:
            pairing.refuse(connection, begun.id)
        except ConfigError:
            return  # decided meanwhile
