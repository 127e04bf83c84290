"""Runs the sandbox in a thread of a test, or as a process of its own."""

import asyncio
import gc
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web

from messaging.sandbox.arrivals import ArrivalLog
from messaging.sandbox.behaviour import Behaviours
from messaging.sandbox.callbacks import Callbacks
from messaging.sandbox.calls import Calls
from messaging.sandbox.control_api import ControlApi
from messaging.sandbox.page import Page
from messaging.sandbox.routes import Routes, bounded_request
from messaging.sandbox.store import Store
from messaging.sandbox.twilio_api import TwilioApi

BACKLOG = 1024
# Seconds that a stop waits for open requests. Requests that hang by script would delay it for a minute.
SHUTDOWN_S = 0.2


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """The sandbox's settings. `port` 0 takes a free port. Callbacks go to loopback and `callback_host` only.

    The file at `log_path` gets one JSON line for each accepted message.
    """

    account_sid: str
    auth_token: str
    host: str = "127.0.0.1"
    port: int = 0
    public_base_url: str | None = None
    callback_host: str | None = None
    log_path: Path | None = None

    @property
    def own_hosts(self) -> frozenset[str]:
        public = urlsplit(self.public_base_url or "").hostname
        return frozenset({self.host} | ({public} if public else set()))


class _Sandbox:
    """One running server in the current event loop."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._log = ArrivalLog(config.log_path) if config.log_path else None
        self._callbacks = Callbacks(
            account_sid=config.account_sid, auth_token=config.auth_token, own_host=config.callback_host
        )
        store, behaviours = Store(), Behaviours()
        self._calls = Calls(callbacks=self._callbacks)
        twilio = TwilioApi(
            account_sid=config.account_sid,
            auth_token=config.auth_token,
            store=store,
            behaviours=behaviours,
            callbacks=self._callbacks,
            calls=self._calls,
            log=self._log,
        )
        control = ControlApi(store=store, behaviours=behaviours, callbacks=self._callbacks, calls=self._calls)
        page = Page(store=store, own_hosts=config.own_hosts)
        self._routes = Routes(twilio=twilio, control=control, page=page)

    async def start(self) -> str:
        """Listen and return the base URL. Raises OSError if the port is taken."""
        await self._callbacks.start()
        server = web.Server(
            self._routes,
            request_factory=bounded_request,
            # A handler that hangs by script must end when its client closes the connection.
            handler_cancellation=True,
            access_log=None,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._config.host, self._config.port, backlog=BACKLOG).start()
        except OSError:
            await self.stop()
            raise
        port = self._runner.addresses[0][1]
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()
        self._calls.forget()
        await self._callbacks.close()
        if self._log is not None:
            self._log.close()


class SandboxThread:
    """Runs the sandbox in a thread with its own event loop; also a context manager."""

    url: str

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread and return when the sandbox listens. Raises OSError if the port is taken."""
        if self._thread is not None:
            raise RuntimeError("the sandbox is running already")
        self._listening = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._thread.start()
        self._listening.wait()
        if self._failure is not None:
            self._thread.join()
            self._thread = None
            raise self._failure

    def stop(self) -> None:
        """Close every connection and end the thread. Does nothing if the thread is not running."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as failure:  # noqa: BLE001 start() raises it in the thread of its caller
            self._failure = failure
        finally:
            self._listening.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        sandbox = _Sandbox(self._config)
        self.url = await sandbox.start()
        self._listening.set()
        await self._stopping.wait()
        await sandbox.stop()


def run(config: SandboxConfig) -> None:
    """Print the URL and serve until SIGTERM or SIGINT."""
    asyncio.run(_run(config))


async def _run(config: SandboxConfig) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sandbox = _Sandbox(config)
    url = await sandbox.start()
    # With 200,000 kept messages, full searches for reference cycles take a tenth of the time and pause all requests.
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    print(f"Sandbox: {config.public_base_url or url}/sandbox/ (Twilio API at {url})", flush=True)  # noqa: T201 for the terminal
    await stopping.wait()
    await sandbox.stop()
