"""A running sandbox, the real Twilio SDK pointed at it, and a small server that receives callbacks."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.rest import Client

from messaging.sandbox.control import SandboxControl
from messaging.sandbox.server import SandboxConfig, SandboxThread

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "sandbox-token"
CONFIG = SandboxConfig(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN)


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxThread]:
    with SandboxThread(CONFIG) as running:
        yield running


@pytest.fixture
def url(server: SandboxThread) -> Iterator[str]:
    yield server.url
    SandboxControl(server.url, ACCOUNT_SID, AUTH_TOKEN).reset()


@pytest.fixture
def control(url: str) -> SandboxControl:
    return SandboxControl(url, ACCOUNT_SID, AUTH_TOKEN)


def client_for(url: str, *, token: str = AUTH_TOKEN, **options: Any) -> Client:
    client = Client(ACCOUNT_SID, token, **options)
    client.api.base_url = url
    return client


@pytest.fixture
def twilio(url: str) -> Client:
    return client_for(url)


@dataclass
class Received:
    path: str
    signature: str
    params: dict[str, str]


class Receiver:
    """A server that records callbacks and answers them with `answer_status` and `answer`."""

    def __init__(self) -> None:
        self.received: Queue[Received] = Queue()
        self.answer_status = 200
        self.answer = b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                signature = self.headers["X-Twilio-Signature"]
                receiver.received.put(Received(self.path, signature, dict(parse_qsl(form, keep_blank_values=True))))
                self.send_response(receiver.answer_status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, count: int, timeout_s: float = 3) -> list[Received]:
        return [self.received.get(timeout=timeout_s) for _ in range(count)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()
