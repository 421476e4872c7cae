"""Photographs that nobody here took: read by at least as many as by the best single reader, and none wrongly.

They lie in ../shared/qr beside the project and are other people's; without them these tests are skipped.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from tests.bench.pictures import PictureSet, find_sets
from tests.bench.reader import Score, score
from tests.bench.readers import PATIENT_MS, Ours, bare_zxing, first_frame_that_gives

PHOTOGRAPHS = Path(__file__).parents[2].parent / "shared" / "qr"
SETS = ("zxing", "zxingcpp", "jsqr", "dgc", "smalltests", "negatives")
WITH_CODES = SETS[:-1]
MISLABELLED = {"qrcode-2_13.png", "qrcode-2_16.png", "qrcode-2_16.webp"}
"""Of these the list names a text with a letter missing, and one of two codes that lie in each other: every reader that
reads them reads what we read (docs/reading.md)."""

pytestmark = [
    pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="there is no ../shared/qr beside the project"),
    pytest.mark.xdist_group("photographs"),
    pytest.mark.filterwarnings("ignore"),
]


@lru_cache(maxsize=1)
def sets() -> dict[str, PictureSet]:
    """All of them, by name."""
    return {one.name: one for one in find_sets(PHOTOGRAPHS)}


@lru_cache(maxsize=16)
def ours(name: str) -> Score:
    """What one look reads."""
    return score(sets()[name], Ours())


def test_the_sets_are_there() -> None:
    assert set(sets()) == set(SETS)
    assert sum(one.with_codes for one in sets().values()) > 500


@pytest.mark.parametrize("name", WITH_CODES)
def test_one_look_reads_no_fewer_than_the_best_single_reader(name: str) -> None:
    assert ours(name).read >= score(sets()[name], first_frame_that_gives(bare_zxing)).read


def test_one_look_reads_more_on_the_whole() -> None:
    theirs = sum(score(sets()[name], first_frame_that_gives(bare_zxing)).read for name in WITH_CODES)
    assert sum(ours(name).read for name in WITH_CODES) >= theirs + 15


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_read_that_is_not_there(name: str) -> None:
    assert {picture for picture, _ in ours(name).false} <= MISLABELLED


@pytest.mark.long
@pytest.mark.parametrize("name", ["zxing", "zxingcpp", "jsqr"])
def test_patience_reads_more_and_nothing_wrong(name: str) -> None:
    patient = score(sets()[name], Ours(PATIENT_MS))
    assert patient.read >= ours(name).read
    assert patient.read >= 0.98 * sets()[name].with_codes - 1
    assert {picture for picture, _ in patient.false} <= MISLABELLED
