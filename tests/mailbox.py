"""A real SMTP server in a thread, which keeps the mails it gets and misbehaves by script."""

import asyncio
import logging
import time
from collections import defaultdict
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.processes import free_port

HANG_S = 60


class Mailbox:
    """`script` maps an address to a misbehaviour.

    A reply like "550 5.1.1 no such user" answers RCPT. With "MAIL " or "DATA " before it, it answers that command.
    "hang" and "drop" happen after the text, "drop early" before it. `times` limits each. `mails` are the mails whose
    text arrived, whatever was answered. `options` are those of aiosmtpd: TLS, sign-in.
    """

    def __init__(self, port: int = 0, **options: Any) -> None:
        self.script: dict[str, str] = {}
        self.times: dict[str, int] = defaultdict(lambda: 1_000_000)
        self.mails: list[EmailMessage] = []
        self._is_running = False
        self._controller = Controller(self, hostname="127.0.0.1", port=port or free_port(), ready_timeout=30, **options)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def start(self) -> None:
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self._controller.start()
        self._is_running = True

    def stop(self) -> None:
        if self._is_running:
            self._is_running = False
            self._controller.stop()

    def clear(self) -> None:
        """Forget the mails and the script."""
        self.script.clear()
        self.times.clear()
        self.mails.clear()

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]

    def wait_for(self, address: str, count: int, timeout_s: float) -> list[EmailMessage]:
        deadline = time.monotonic() + timeout_s
        while len(found := self.to(address)) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} e-mails arrived in {timeout_s} s"
            time.sleep(0.02)
        return found

    def _next(self, address: str) -> str:
        if self.times[address] < 1:
            return ""
        return self.script.get(address, "")

    def _used(self, address: str) -> None:
        self.times[address] -= 1

    # aiosmtpd calls the following three.

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (scripted := self.script.get("", "")).startswith("MAIL "):
            return scripted.removeprefix("MAIL ")
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        scripted = self._next(address)
        if scripted == "drop early" or scripted[:3].isdigit():
            self._used(address)
            if scripted == "drop early":
                _abort(server)
                return "250 nobody hears this"
            return scripted
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(message_from_bytes(content, policy=policy.default))
        address = envelope.rcpt_tos[0]
        scripted = self._next(address)
        self._used(address)
        if scripted == "hang":
            await asyncio.sleep(HANG_S)
        if scripted == "drop":
            _abort(server)
        return scripted.removeprefix("DATA ") if scripted.startswith("DATA ") else "250 OK"


def _abort(server: Any) -> None:
    server.transport.abort()
