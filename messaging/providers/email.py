"""E-mail through Django's mail backend, in threads because SMTP blocks.

An e-mail that the mail server accepted counts as delivered: no server reports more, and no server answers look-ups.
"""

import asyncio
import smtplib
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parseaddr
from functools import partial
from typing import Any, ClassVar, NoReturn, cast

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from messaging import policy, texts
from messaging.models import MessageClass
from messaging.providers import NOT_SENT, Code, Failure, Kind, LookUpFailed, Outcome, Search, SendRequest
from messaging.states import State

# Mail servers seldom accept more connections from one client. One process has this many threads.
_AT_ONCE = 20

# Final replies of a mail server (RFC 5321, 4.2.3, and RFC 4954). Any reply below 500 is transient.
CODES = {
    "530": Code("Authentication required", Kind.CONFIGURATION, Failure.TROUBLE),
    "534": Code("Authentication mechanism is too weak", Kind.CONFIGURATION, Failure.TROUBLE),
    "535": Code("Authentication credentials invalid", Kind.CONFIGURATION, Failure.TROUBLE),
    "538": Code("Encryption required for authentication", Kind.CONFIGURATION, Failure.TROUBLE),
    "550": Code("Mailbox unavailable", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "551": Code("User not local", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "552": Code("Exceeded storage allocation", Kind.RECIPIENT, Failure.CANNOT_RECEIVE),
    "553": Code("Mailbox name not allowed", Kind.RECIPIENT, Failure.INVALID_ADDRESS),
    "554": Code("Transaction failed", Kind.CONFIGURATION, Failure.TROUBLE),
}


class EmailProvider:
    codes: ClassVar[Mapping[str, Code]] = CODES

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="email")

    async def send(self, request: SendRequest) -> Outcome:
        progress = _Progress(write_by=time.monotonic() + request.timeout_s - policy.SHORTEST_ATTEMPT.total_seconds())
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(request.timeout_s):
                return await loop.run_in_executor(self._threads, _deliver, request, progress)
        except TimeoutError as error:
            progress.hang_up()
            return progress.broken(error)

    async def find(self, search: Search) -> Outcome | None:
        _refuse_look_up()

    async def fetch(self, provider_id: str) -> Outcome | None:
        _refuse_look_up()

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _refuse_look_up() -> NoReturn:
    raise LookUpFailed("a mail server cannot be asked")


class _TooLate(Exception):
    """The deadline passed before the text of the e-mail was sent: the process was frozen, or the server slow.

    Another process may have sent the message.
    """


class _Progress:
    """The progress of sending one e-mail. If the connection breaks after `begin`, the outcome is unknown: perhaps the
    server has the text.
    """

    def __init__(self, *, write_by: float) -> None:
        self.write_by = write_by
        self.has_begun = False
        self.connection: smtplib.SMTP | None = None

    def begin(self) -> None:
        """Note that the text begins to leave; call immediately before. Raises _TooLate past the deadline."""
        if time.monotonic() > self.write_by:
            raise _TooLate
        self.has_begun = True

    def broken(self, error: Exception) -> Outcome:
        kind = Kind.UNKNOWN if self.has_begun else Kind.TRANSIENT
        return Outcome(kind=kind, code=type(error).__name__)

    def close(self) -> None:
        """Close the connection without waiting for the server's reply to QUIT. Django's backend would wait for it."""
        if self.connection is not None:
            with suppress(OSError):
                self.connection.putcmd("quit")
            self.connection.close()

    def hang_up(self) -> None:
        """Shut the socket, so that the thread that waits for the server gets an error. Called from another thread."""
        sock = getattr(self.connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(2)


def _deliver(request: SendRequest, progress: _Progress) -> Outcome:
    try:
        backend = _backend(progress)
        backend.open()
        if not isinstance(backend, SmtpBackend):
            progress.begin()
        backend.send_messages([_letter(request, backend)])
    except _TooLate:
        return NOT_SENT
    except Exception as error:  # noqa: BLE001 whatever broke, the text may have left
        return _refused(error) or progress.broken(error)
    else:
        return Outcome(kind=Kind.ACCEPTED, state=State.DELIVERED)
    finally:
        progress.close()


def _letter(request: SendRequest, backend: Any) -> EmailMessage:
    domain = parseaddr(request.origin)[1].rpartition("@")[2]
    # Named after the message, not the attempt: a mailbox that has an EMERGENCY already drops its second copy, which is
    # sent when nobody knows the outcome of the first.
    name = salted_hmac("messaging.email", str(request.message_id)).hexdigest()[:32]
    return EmailMessage(
        subject=subject(request.message_class, language=request.language),
        body=request.text,
        from_email=request.origin,
        to=[request.address],
        headers={
            "Message-ID": f"<{name}@{domain}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: absence notices do not answer it.
        },
        connection=backend,
    )


def subject(message_class: MessageClass, *, language: str) -> str:
    """The subject of an e-mail.

    It names only the class: locked screens and the logs of every server on the way show it.
    """

    def compose() -> str:
        if message_class == MessageClass.EMERGENCY:
            return gettext("SOS: somebody needs your help")
        if message_class == MessageClass.VERIFICATION:
            return gettext("Your AlertMe code")
        return gettext("A message from AlertMe")

    return texts.render(compose, language=language or settings.LANGUAGE_CODE)


def _refused(error: Exception) -> Outcome | None:
    """The outcome of an error that proves that the server did not accept the e-mail; None for any other error."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, words), *_] = error.recipients.values()
        return _reply(code, words)
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError):
        # The server refused before it heard of the recipient.
        kind = Kind.TRANSIENT if error.smtp_code < 500 else Kind.CONFIGURATION
        return Outcome(kind=kind, code=str(error.smtp_code))
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return Outcome(kind=Kind.CONFIGURATION, code=type(error).__name__)
    return None


def _reply(code: int, words: bytes | str) -> Outcome:
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    if code < 500:
        kind = Kind.TRANSIENT
    elif text.startswith("5.7."):
        # RFC 3463: refused by policy, because of the sender and not because of the recipient.
        kind = Kind.CONFIGURATION
    else:
        kind = CODES[str(code)].kind if str(code) in CODES else Kind.UNRECOGNISED
    return Outcome(kind=kind, code=str(code))


class _Watched(smtplib.SMTP):
    """An SMTP connection that notes when the text begins to leave."""

    def __init__(self, progress: _Progress, *args: Any, **kwargs: Any) -> None:
        self._progress = progress
        progress.connection = self
        super().__init__(*args, **kwargs)

    def data(self, msg: Any) -> tuple[int, bytes]:
        self._progress.begin()
        return super().data(msg)


class _WatchedOverTls(_Watched, smtplib.SMTP_SSL):
    pass


class SmtpBackend(smtp.EmailBackend):
    """Django's mail backend with a connection that notes when the text begins to leave."""

    def __init__(self, progress: _Progress, **options: Any) -> None:
        super().__init__(**options)
        self._progress = progress

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        made = _WatchedOverTls if self.use_ssl else _Watched
        return cast(type[smtplib.SMTP], partial(made, self._progress))


def _backend(progress: _Progress) -> Any:
    if settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend":
        return SmtpBackend(progress)
    return get_connection()
