"""A link between a kiosk and the server that can be cut, muted and slowed: a TCP relay in a thread of its own.

It carries bytes and knows nothing of what they say.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")

CHUNK = 4096
UNREAD = 256
"""Pieces on their way at once in one direction; then the sender has to wait."""


class Cut(Enum):
    """How a link fails."""

    REFUSED = "connections are reset, new ones refused: the server is down, the network is not"
    SILENT = "nothing arrives and nothing says so: a cable is out"
    ANSWERS = "what the kiosk sends arrives, the answers do not"


class Way:
    """One direction: whether it is open, and the bytes that it has carried."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.carried = 0


class Link:
    """Listens on one port of this machine and carries to another. All methods return when it is done."""

    def __init__(self, listen_port: int, target_port: int) -> None:
        self.listen_port = listen_port
        self.connections = 0
        self._target_port = target_port
        self._delay_s = 0.0
        self._bytes_per_s = 0.0
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._up, self._down = Way(), Way()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"link {listen_port}", daemon=True)
        self._thread.start()
        self._run(self._restore())

    @property
    def url(self) -> str:
        """The address of the server through this link."""
        return f"http://127.0.0.1:{self.listen_port}"

    @property
    def sent(self) -> int:
        """Bytes that reached the server."""
        return self._up.carried

    @property
    def received(self) -> int:
        """Bytes that reached the kiosk."""
        return self._down.carried

    def cut(self, how: Cut = Cut.REFUSED) -> None:
        """Fails from now on. What is under way when a link falls silent arrives after ``restore``, if somebody
        still listens; a new connection is taken by a silent link and hears nothing."""
        self._run(self._cut(how))

    def restore(self) -> None:
        """Carries again."""
        self._run(self._restore())

    def slow(self, delay_s: float = 0.0, bytes_per_s: float = 0.0) -> None:
        """Each piece takes so long in each direction; ``bytes_per_s`` (0: no limit) is for each direction of each
        connection. ``slow()`` makes it fast again."""
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s

    def heal(self) -> None:
        """Carries again, and fast."""
        self.slow()
        self.restore()

    def close(self) -> None:
        """Ends every connection and the thread. May be called again."""
        if not self._thread.is_alive():
            return
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self, how: Cut) -> None:
        if how is Cut.REFUSED:
            self._stop_listening()
            self._reset()
        else:
            self._down.open.clear()
        if how is Cut.SILENT:
            self._up.open.clear()

    async def _restore(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._meet, "127.0.0.1", self.listen_port, backlog=100)
        self._up.open.set()
        self._down.open.set()

    async def _close(self) -> None:
        self._stop_listening()
        self._reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _reset(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.add(writer)
        self.connections += 1
        try:
            await self._up.open.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._ends.add(back)
            try:
                await self._join((reader, back), (there, writer))
            finally:
                self._ends.discard(back)
                back.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # either side went away, or was never there; or this link ends
        finally:
            self._ends.discard(writer)
            writer.transport.abort()
            self._tasks.discard(task)

    async def _join(
        self,
        upward: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        downward: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Carries both ways until either side has ended and what it said has arrived."""
        pumps = [
            asyncio.create_task(self._pump(*upward, self._up)),
            asyncio.create_task(self._pump(*downward, self._down)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNREAD)
        feeding = asyncio.create_task(self._feed(reader, pieces))
        try:
            while True:
                due, piece = await pieces.get()
                await asyncio.sleep(due - self._loop.time())
                await way.open.wait()
                if not piece:
                    return
                writer.write(piece)
                await writer.drain()
                way.carried += len(piece)
                if self._bytes_per_s:
                    await asyncio.sleep(len(piece) / self._bytes_per_s)
        finally:
            feeding.cancel()

    async def _feed(self, reader: asyncio.StreamReader, pieces: asyncio.Queue[tuple[float, bytes]]) -> None:
        piece = b"-"
        while piece:
            try:
                piece = await reader.read(CHUNK)
            except OSError:
                piece = b""
            await pieces.put((self._loop.time() + self._delay_s, piece))
