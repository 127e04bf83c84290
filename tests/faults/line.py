"""A TCP line to a server that can be cut, held, slowed and filled with noise."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from deploy.local.processes import free_port

Fault = Literal["refused", "held", "slow", "garbage", "reset"]


class Line:
    """Forwards 127.0.0.1:`port` to a server on this machine. Every connection sees the fault of the moment.

    refused: nobody listens, and open connections are reset. held: bytes wait until the fault is over. slow: every piece
    takes `slow_s` each way. garbage: noise answers in place of the server. reset: a reset answers.
    """

    def __init__(self, to_port: int, *, slow_s: float = 0.5) -> None:
        self._slow_s = slow_s
        self.port = free_port()
        self._to_port = to_port
        self._fault: Fault | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="line", daemon=True).start()
        self._run(self._open())

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def close(self) -> None:
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[None]:
        """Let the fault last for the block."""
        self._run(self._change(fault))
        try:
            yield
        finally:
            self._run(self._change(None))

    async def _change(self, fault: Fault | None) -> None:
        if fault == "refused":
            await self._shut()
        elif self._fault == "refused":
            await self._open()
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)

    async def _shut(self) -> None:
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            self._connections.add(far_writer)
            await asyncio.gather(
                self._forward(reader, far_writer, back=writer), self._forward(far_reader, writer, back=writer)
            )
            far_writer.close()
        except OSError:
            writer.transport.abort()
        finally:
            self._connections = {other for other in self._connections if not other.transport.is_closing()}

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                await self._carry(piece, writer, back=back)
        writer.close()

    async def _carry(self, piece: bytes, writer: asyncio.StreamWriter, *, back: asyncio.StreamWriter) -> None:
        if self._fault == "slow":
            await asyncio.sleep(self._slow_s)
        while self._fault == "held":
            await self._changed.wait()
        if self._fault == "reset":
            back.transport.abort()
        elif self._fault == "garbage":
            back.write(os.urandom(200))
            back.close()
        else:
            writer.write(piece)
            await writer.drain()
