"""The command ``audit``: prints what :mod:`server.audit` found; its exit status says whether anything is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from server import audit
from server.config import Config
from server.proofs.evidence import Verdict
from server.store.engine import Reader


def register(group: click.Group, now: Callable[[], datetime]) -> None:
    """Adds the command to the server's others."""

    @group.command("audit")
    @click.option("--json", "out", type=click.Path(path_type=Path), help="also write all that was found to this file")
    @click.pass_obj
    def command(config: Config, out: Path | None) -> None:
        """Prove from the log alone: no room over its capacity, nothing missing, forked or unmatched.

        Runs beside the server. Ends with status 1 if something is wrong.
        """
        reader = Reader(config.url)
        try:
            with reader.read() as connection:
                found = audit.run(connection, now())
        finally:
            reader.close()
        for line in audit.report(found):
            click.echo(line)
        if out is not None:
            out.write_bytes(audit.as_json(found))
        if found.verdict is Verdict.WRONG:
            raise click.exceptions.Exit(1)
