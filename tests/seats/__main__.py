"""Plays histories for as long as one likes, or one of them alone: python -m tests.seats --help."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

import click

from admission.venue import Exits
from tests.seats.history import MODES, History
from tests.seats.replay import failure_of

BATCH = 200


def _batch(first: int, mode: str, steps: int, *, calm: bool) -> list[str]:
    seeds = range(first, first + BATCH)
    return [failure for seed in seeds if (failure := failure_of(seed, Exits(mode), steps, calm=calm))]


@click.command()
@click.option("--histories", default=1_000_000, show_default=True, help="how many, over all exit modes")
@click.option("--steps", default=200, show_default=True, help="the length of each")
@click.option("--first", default=100_000, show_default=True, help="the first seed (the tests use those from 0 on)")
@click.option("--processes", default=2, show_default=True)
@click.option("--seed", type=int, help="play this history alone, and print it")
@click.option("--mode", type=click.Choice([mode.value for mode in MODES]), default=Exits.TRUSTED.value)
@click.option("--cards", is_flag=True, help="with --seed: a history in which cards are copied")
def main(histories: int, steps: int, first: int, processes: int, seed: int | None, mode: str, *, cards: bool) -> None:
    """Looks for a history in which a room is over-filled or a passage lost."""
    if seed is not None:
        _show(seed, Exits(mode), steps, calm=not cards)
        return
    batches = -(-histories // BATCH)
    failures: list[str] = []
    with ProcessPoolExecutor(processes) as pool, click.progressbar(length=batches, label="histories") as bar:
        jobs = (
            pool.submit(_batch, first + index // 4 * BATCH, MODES[index % 3].value, steps, calm=index % 4 != 3)
            for index in range(batches)
        )
        while wave := list(islice(jobs, processes * 4)):
            for job in wave:
                failures += job.result()
                bar.update(1)
    for failure in failures:
        click.echo(failure)
    click.echo(f"{batches * BATCH} histories of {steps} steps: {len(failures)} broke the promise")
    sys.exit(1 if failures else 0)


def _show(seed: int, mode: Exits, steps: int, *, calm: bool) -> None:
    history = History(seed, mode, calm)
    history.told = click.echo
    try:
        history.run(steps)
    except AssertionError as error:
        click.echo(f"BROKEN: {error}")
        sys.exit(1)
    click.echo("the promise held")


if __name__ == "__main__":
    main()
