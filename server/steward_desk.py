"""``threshold-server set-code``: a steward's code for the doors. Chance is passed in; the code is asked for, never an
argument, so that it stands in no history and no list of processes."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from admission.errors import ConfigError
from server import stewards
from server.config import Config
from server.store.engine import transaction


def command(chance: Callable[[int], bytes]) -> click.Command:
    """The command, to be added to the others. ``chance``: so many random bytes."""

    @click.command("set-code")
    @click.argument("person")
    @click.option("--code-stdin", is_flag=True, help="read the code from standard input")
    @click.option("--clear", is_flag=True, help="take the code away instead")
    @click.pass_obj
    def set_code(config: Config, person: str, code_stdin: bool, clear: bool) -> None:
        """Give PERSON a code of 4 to 12 digits, which makes their badge a steward's at every door."""
        ref = person.lower()
        if clear and code_stdin:
            raise ConfigError("--clear takes no code; give one of the two options")
        code = "" if clear else _ask(code_stdin)
        with transaction(config.url) as connection:
            if clear:
                stewards.clear_code(connection, ref, chance)
            else:
                stewards.set_code(connection, ref, code, chance(16), chance)
        what = "has no code any more" if clear else "has a code"
        click.echo(f"{person} {what}; kiosks in reach know within seconds")

    return set_code


def _ask(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().strip()
    return str(click.prompt("Code", hide_input=True, confirmation_prompt=True))
