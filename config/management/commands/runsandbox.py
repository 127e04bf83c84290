import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.sandbox.server import SandboxConfig, run


class Command(BaseCommand):
    help = "A Twilio-compatible server for development and tests, with a page that shows the phones. Sends nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="default: the port of TWILIO_API_BASE_URL")
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, host: str, port: int | None, **options: Any) -> None:
        if not settings.DEBUG and os.environ.get("ALLOW_SANDBOX") != "1":
            raise CommandError(
                "The sandbox swallows every SMS, so it does not run with DEBUG off unless ALLOW_SANDBOX=1 is set."
            )
        if port is None:
            port = urlsplit(settings.TWILIO_API_BASE_URL).port
        if not port:
            raise CommandError("Give --port, or a TWILIO_API_BASE_URL with a port.")
        run(
            SandboxConfig(
                account_sid=settings.TWILIO_ACCOUNT_SID,
                auth_token=settings.TWILIO_AUTH_TOKEN,
                host=host,
                port=port,
                callback_host=urlsplit(settings.PUBLIC_BASE_URL).hostname,
            )
        )
