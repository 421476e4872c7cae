"""The kiosk's command line; together with :mod:`kiosk.station` the only place that names devices, clock and chance."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import cv2
import msgspec

from admission.errors import ConfigError, ThresholdError
from kiosk import doctor, target
from kiosk.config import Config, check_place, read, read_enrolment, write_enrolment
from kiosk.pairing import Candidate, converse
from kiosk.postbox import Postbox
from kiosk.readout import Wanted, read_out
from kiosk.station import STORE, eye, run, this_boot

HANDED_OVER = Path("/etc/threshold/enrolment.json")
"""What the unit hands to the installed kiosk, before any enrolment that its settings name."""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--data", help="the folder of this kiosk's store")
@click.option("--enrolment", help="the file that makes this machine a kiosk; if there is none, it pairs first")
@click.option("--camera", help="a device number, picamera, a video, a directory of images or a YUV4MPEG2 stream")
@click.option("--screen", help="host:port of the face's page")
@click.pass_context
def main(context: click.Context, /, config: Path | None, **given: str | None) -> None:
    """Threshold's kiosk: reads badges at one gate and decides at once."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what it says is said better by ours
    os.umask(0o077)
    with _plain_errors():
        settings = _settings(config, given)
        if context.invoked_subcommand is None:
            sys.exit(run(settings))
        context.obj = settings


@main.command()
@click.option("--code", required=True, help="the text of the pairing code, from the server's Kiosks page")
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--enrolment", help="the file to write")
@click.option("--replace", is_flag=True, help="even if this kiosk is enrolled already")
@click.pass_obj
def enrol(before: Config, code: str, config: Path | None, enrolment: str | None, replace: bool) -> None:
    """Pair this machine without its camera: prints six digits to compare, and waits until they are confirmed."""
    with _plain_errors():
        given = read(config) if config is not None else before
        if enrolment is None and HANDED_OVER.exists():
            raise ConfigError(
                f"{HANDED_OVER} is there, and systemd hands it to the kiosk in place of any other enrolment: move it"
                " away and restart threshold-kiosk, then enrol"
            )
        path = Path(enrolment or given.enrolment_path)
        if not replace and path.exists():
            raise ConfigError(f"{path} exists: this kiosk is enrolled already; give --replace to enrol it anew")
        check_place(path)
        candidate = Candidate(code.strip(), secrets.token_bytes(32), Postbox(given.ca))
        made, answer = converse(candidate, click.echo, time.sleep)
        write_enrolment(path, made)
    click.echo(f"enrolled as {answer.device} at {answer.gate}; {path} is written")


@main.command("export")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="the file to write")
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--data", help="the folder of this kiosk's store")
@click.option("--enrolment", help="the file that makes this machine a kiosk")
@click.option("--store", type=click.Path(path_type=Path), help="one store by its file, such as one that was put aside")
@click.option("--all", "whole", is_flag=True, help="the whole journal, not only what the server has not acknowledged")
@click.option("--close", is_flag=True, help="end this store for good: its unspent seats can then be vouched for")
@click.pass_obj
def export_journal(before: Config, /, config: Path | None, store: Path | None, **given: Any) -> None:
    """Write the journal of a stopped kiosk to a file, for threshold-server read-journal."""
    wanted = Wanted(given.pop("out"), given.pop("whole"), given.pop("close"))
    with _plain_errors():
        settings = msgspec.structs.replace(
            read(config) if config is not None else before, **{k: v for k, v in given.items() if v is not None}
        )
        path = store or Path(settings.data) / STORE
        passages = read_out(path, read_enrolment(settings.enrolment_path), this_boot(), wanted)
    click.echo(
        f"{passages} passages and the report are in {wanted.out}; on the server: threshold-server read-journal FILE"
    )
    if wanted.close:
        click.echo("this store is closed: it admits nobody any more, and this kiosk begins a new one when it starts")


main.add_command(target.command)
main.add_command(doctor.command(doctor.Means(this_boot, time.sleep, eye)))


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Our own errors are told in a sentence, without a traceback."""
    try:
        yield
    except ThresholdError as error:
        raise click.ClickException(str(error)) from error


def _settings(config: Path | None, given: Mapping[str, str | None]) -> Config:
    return msgspec.structs.replace(read(config), **{k: v for k, v in given.items() if v is not None})


if __name__ == "__main__":
    main()
