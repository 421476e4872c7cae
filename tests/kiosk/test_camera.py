"""Where frames come from: everything that is replayed, what breaks it, and that a camera which vanishes comes back."""

from __future__ import annotations

import itertools
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.camera import Away, CameraAway, Care, Frame, Frames, lasting, open_camera

WIDTH, HEIGHT = 7, 5  # odd, so that halves of it have to be rounded up
HALF = 4 * 3
MAGIC = b"YUV4MPEG2"
HALVED = ("420", "420jpeg", "420mpeg2", "420paldv")
CHROMA = {"mono": 0, **dict.fromkeys(HALVED, 2 * HALF), "422": 2 * 4 * HEIGHT, "444": 2 * WIDTH * HEIGHT}


def no_wait(_seconds: float) -> None:
    """Time does not matter here."""


def drain(frames: Frames) -> tuple[list[Frame], str]:
    """All frames, and why there are no more."""
    got: list[Frame] = []
    with pytest.raises(CameraAway) as away:
        got.extend(frames)  # keeps those before the error
    return got, str(away.value)


def show(source: Path | str) -> tuple[list[Frame], str]:
    """All frames of a source; also what is said where it cannot even be opened."""

    def frames() -> Frames:
        yield from open_camera(str(source), no_wait)

    return drain(frames())


def grey(level: int) -> Frame:
    """A plain frame."""
    return np.full((HEIGHT, WIDTH), level, np.uint8)


def stream(levels: list[int], colours: str | None = "mono", chroma: int = 0) -> bytes:
    """A YUV4MPEG2 stream of plain frames, its chroma full of what looks like the beginning of a frame."""
    tag = f" C{colours}" if colours is not None else ""
    head = MAGIC + b" W7 H5 F10:1 Ip A1:1%s XTHRESHOLD\n" % tag.encode()
    filler = (b"FRAME\n" * chroma)[:chroma]
    return head + b"".join(b"FRAME\n" + grey(level).tobytes() + filler for level in levels)


def png_that_says(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class TestDirectory:
    def test_images_come_in_the_order_of_their_names_at_ten_a_second(self, tmp_path: Path) -> None:
        for name, level in [("b.png", 20), ("a.bmp", 10), ("c.PNG", 30)]:
            cv2.imwrite(str(tmp_path / name.lower()), grey(level))
            (tmp_path / name.lower()).rename(tmp_path / name)  # OpenCV writes by the ending, in small letters
        waits: list[float] = []
        seen, _ = drain(open_camera(str(tmp_path), waits.append))
        assert [int(frame[0, 0]) for frame in seen] == [10, 20, 30]
        assert waits == pytest.approx([0.1] * 3)
        assert {(frame.shape, frame.dtype.name) for frame in seen} == {((HEIGHT, WIDTH), "uint8")}

    def test_a_picture_in_colour_becomes_grey(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), np.full((HEIGHT, WIDTH, 3), (0, 0, 255), np.uint8))
        [frame], _ = show(tmp_path)
        assert frame.shape == (HEIGHT, WIDTH)

    def test_what_is_no_image_is_passed_over(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "5.png"), grey(50))
        good = (tmp_path / "5.png").read_bytes()
        (tmp_path / "0.png").write_bytes(b"not a picture")
        (tmp_path / "1.png").write_bytes(good[: len(good) // 2])
        (tmp_path / "2.jpg").write_bytes(b"")
        (tmp_path / "3.png").mkdir()
        (tmp_path / "4.txt").write_bytes(good)
        seen, why = show(tmp_path)
        assert int(seen[-1][0, 0]) == 50
        assert len(seen) <= 2  # OpenCV may make something of the half picture
        assert "last image" in why

    @pytest.mark.parametrize("size", [(100_000, 100_000), (2_000_000, 10)])
    def test_an_image_that_says_to_be_enormous_is_passed_over(self, tmp_path: Path, size: tuple[int, int]) -> None:
        (tmp_path / "a.png").write_bytes(png_that_says(*size))
        cv2.imwrite(str(tmp_path / "b.png"), grey(60))
        assert [int(frame[0, 0]) for frame in show(tmp_path)[0]] == [60]

    def test_an_empty_directory_is_a_camera_that_is_away(self, tmp_path: Path) -> None:
        assert show(tmp_path)[0] == []


class TestStream:
    @pytest.mark.parametrize(("colours", "chroma"), CHROMA.items())
    def test_only_the_luma_is_taken_whatever_the_colours(self, tmp_path: Path, colours: str, chroma: int) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1, 2, 3], colours, chroma))
        seen, why = show(path)
        assert [int(frame[0, 0]) for frame in seen] == [1, 2, 3]
        assert {frame.shape for frame in seen} == {(HEIGHT, WIDTH)}
        assert "ended" in why

    def test_a_stream_that_does_not_name_its_colours_is_420(self, tmp_path: Path) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1, 2], None, 2 * HALF))
        assert [int(frame[0, 0]) for frame in show(path)[0]] == [1, 2]

    @pytest.mark.parametrize("colours", ["420p10", "422p12", "444alpha", "mono16", "411", "rgb"])
    def test_colours_that_would_be_misread_are_refused_by_name(self, tmp_path: Path, colours: str) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1, 2, 3], colours, 500))
        seen, why = show(path)
        assert seen == []
        assert colours in why

    def test_frames_may_have_parameters(self, tmp_path: Path) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1, 2]).replace(b"FRAME\n", b"FRAME Ip XNOTE\n"))
        assert [int(frame[0, 0]) for frame in show(path)[0]] == [1, 2]

    def test_a_stream_that_breaks_off_within_a_frame_gives_the_whole_ones(self, tmp_path: Path) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1, 2, 3])[:-4])
        seen, why = show(path)
        assert [int(frame[0, 0]) for frame in seen] == [1, 2]
        assert "broke off" in why

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\n",
            b"RIFF....AVI ",
            MAGIC,
            MAGIC + b"\n",
            MAGIC + b" W7 H5",
            b"YUV4MPEG W7 H5\n",
            b"W7 H5\n",
            bytes(999),
        ],
    )
    def test_what_is_no_stream_is_a_camera_that_is_away(self, tmp_path: Path, raw: bytes) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(raw + b"FRAME\n" + bytes(WIDTH * HEIGHT))
        assert show(path)[0] == []

    @pytest.mark.parametrize(
        "size",
        [b"W0 H5", b"W7 H0", b"W7", b"H5", b"W-7 H5", b"W7 H5.5", b"W%d H5" % 10**20, b"W7 H8193"],
    )
    def test_absurd_sizes_are_refused_before_anything_is_read(self, tmp_path: Path, size: bytes) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(MAGIC + b" %s Cmono\nFRAME\n" % size + bytes(100))
        seen, why = show(path)
        assert seen == []
        assert "cannot be" in why

    @pytest.mark.timeout(10)
    def test_a_hostile_header_is_refused_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(MAGIC + b" H1" * 80 + b" \x00\n")
        assert show(path)[0] == []

    def test_a_stream_is_read_from_a_pipe_as_it_comes(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        raw = stream([1, 2, 3], "420jpeg", 2 * HALF)
        shown = threading.Event()

        def write() -> None:
            with path.open("wb", buffering=0) as out:
                cut = len(raw) * 2 // 3
                out.write(raw[:cut])
                shown.wait(30)  # the rest is written only after the first frame was seen
                out.write(raw[cut:])

        writer = threading.Thread(target=write)
        writer.start()
        frames = open_camera(str(path), no_wait)
        first = next(frames)
        shown.set()
        rest, why = drain(frames)
        writer.join(30)
        assert [int(frame[0, 0]) for frame in (first, *rest)] == [1, 2, 3]
        assert "ended" in why

    def test_a_frame_that_was_handed_out_is_not_changed_by_the_next(self, tmp_path: Path) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1, 2]))
        frames = open_camera(str(path), no_wait)
        first, second = next(frames), next(frames)
        assert (int(first[0, 0]), int(second[0, 0])) == (1, 2)

    def test_a_stream_that_is_not_there_is_away(self, tmp_path: Path) -> None:
        assert "No such file" in show(tmp_path / "gone.y4m")[1]


class TestVideo:
    def test_a_video_plays_at_its_own_pace_and_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "film.avi"
        out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
        for level in (40, 120, 200):
            out.write(np.full((48, 64, 3), level, np.uint8))
        out.release()
        waits: list[float] = []
        seen, why = drain(open_camera(str(path), waits.append))
        assert [round(float(frame.mean()), -1) for frame in seen] == [40, 120, 200]
        assert {(frame.shape, frame.dtype.name) for frame in seen} == {((48, 64), "uint8")}
        assert waits == pytest.approx([1 / 20] * 3)
        assert "has ended" in why

    def test_a_file_that_is_no_video_is_away(self, tmp_path: Path) -> None:
        path = tmp_path / "film.avi"
        path.write_bytes(b"RIFF nothing of the kind" * 100)
        assert "cannot be read" in show(path)[1]


@pytest.mark.parametrize("source", ["nowhere", "/nowhere/at/all", "rtsp://192.0.2.1/x", "²", "-1"])
def test_a_source_that_is_none_is_named(source: str) -> None:
    assert repr(source) in show(source)[1]


class TestLasting:
    def opening(self, *acts: Callable[[], Iterator[Frame]]) -> Callable[[], Frames]:
        """Opens one act after another; an act may raise at once."""
        turns = iter(acts)

        def opened() -> Frames:
            return next(turns)()

        return opened

    def absent(self) -> Iterator[Frame]:
        raise CameraAway("no camera there")

    def working(self, *levels: int) -> Callable[[], Iterator[Frame]]:
        def frames() -> Iterator[Frame]:
            yield from (grey(level) for level in levels)
            raise CameraAway("the cable was pulled")

        return frames

    def test_a_camera_that_vanished_comes_back(self) -> None:
        waits: list[float] = []
        opening = self.opening(self.working(1, 2), self.absent, self.absent, self.working(3))
        seen = list(itertools.islice(lasting(opening, waits.append), 6))
        told = [one.why if isinstance(one, Away) else int(one[0, 0]) for one in seen]
        assert told == [1, 2, "the cable was pulled", "no camera there", "no camera there", 3]
        assert waits == [1.0, 1.0, 1.0]

    def test_a_source_that_just_ends_is_away_too(self) -> None:
        seen = list(itertools.islice(lasting(self.opening(lambda: iter([grey(1)])), no_wait), 2))
        assert seen[1] == Away("the camera gives no more frames")

    def test_it_is_told_before_it_is_waited(self) -> None:
        waits: list[float] = []
        frames = lasting(self.opening(self.absent, self.working(3)), waits.append)
        assert isinstance(next(frames), Away)
        assert waits == []

    def test_how_it_has_been_doing_is_known_outside(self) -> None:
        care = Care()
        frames = lasting(self.opening(self.working(1), self.absent, self.working(3)), no_wait, care)
        told = []
        for _ in range(4):
            next(frames)
            told.append((care.trouble, care.reopened))
        assert told == [("", 0), ("the cable was pulled", 0), ("no camera there", 0), ("", 1)]
        assert care.last_trouble == "no camera there"

    def test_another_kind_of_error_is_not_hidden(self) -> None:
        def broken() -> Iterator[Frame]:
            raise RuntimeError("a bug")

        with pytest.raises(RuntimeError, match="a bug"):
            next(lasting(broken, no_wait))

    def test_a_real_source_is_opened_again_after_its_end(self, tmp_path: Path) -> None:
        path = tmp_path / "film.y4m"
        path.write_bytes(stream([1]))
        frames = lasting(lambda: open_camera(str(path), no_wait), no_wait)
        kinds = [type(one).__name__ for one in itertools.islice(frames, 4)]
        assert kinds == ["ndarray", "Away", "ndarray", "Away"]
