"""E-mail through Django's mail backend, in threads: SMTP blocks. What the mail server took counts as delivered: no
server tells more, and none can be asked."""

import asyncio
import smtplib
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parseaddr
from functools import partial
from typing import Any, NoReturn, cast

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends import smtp
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from messaging import policy, texts
from messaging.models import MessageClass
from messaging.providers import Call, Kind, LookUpFailed, Outcome, Search
from messaging.states import State

# Mail servers seldom take more connections from one client; one process has as many threads.
_AT_ONCE = 20

# Replies by their code (RFC 5321, 4.2.3); any other 4xx is transient.
CODES = {
    **dict.fromkeys((550, 551, 552, 553), Kind.RECIPIENT),
    **dict.fromkeys((530, 534, 535, 538, 554), Kind.CONFIGURATION),
}


class EmailProvider:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="email")

    async def send(self, call: Call) -> Outcome:
        progress = _Progress(write_by=time.monotonic() + call.timeout_s - policy.SHORTEST_ATTEMPT.total_seconds())
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(call.timeout_s):
                return await loop.run_in_executor(self._threads, _deliver, call, progress)
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
    """The process was frozen, or the server slow, until what it holds may have been sent by others since."""


class _Progress:
    """How far one e-mail has come: what decides whether a connection that breaks leaves its outcome open."""

    def __init__(self, *, write_by: float) -> None:
        self.write_by = write_by
        self.has_begun = False
        self.connection: smtplib.SMTP | None = None

    def begin(self) -> None:
        """Call immediately before the text leaves. Raises _TooLate."""
        if time.monotonic() > self.write_by:
            raise _TooLate
        self.has_begun = True

    def broken(self, error: Exception) -> Outcome:
        kind = Kind.UNKNOWN if self.has_begun else Kind.TRANSIENT
        return Outcome(kind=kind, code=type(error).__name__)

    def close(self) -> None:
        """Not the backend's, which waits for an answer that changes nothing any more."""
        if self.connection is not None:
            with suppress(OSError):
                self.connection.putcmd("quit")
            self.connection.close()

    def hang_up(self) -> None:
        """End the thread's waiting, from another thread."""
        sock = getattr(self.connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(2)


def _deliver(call: Call, progress: _Progress) -> Outcome:
    try:
        backend = _backend(progress)
        backend.open()
        if not isinstance(backend, SmtpBackend):
            progress.begin()
        backend.send_messages([_letter(call, backend)])
    except _TooLate:
        return Outcome(kind=Kind.TRANSIENT, code="slot_missed", retry_after_s=0)
    except Exception as error:  # noqa: BLE001 whatever broke, the text may have left
        return _refused(error) or progress.broken(error)
    else:
        return Outcome(kind=Kind.ACCEPTED, state=State.DELIVERED)
    finally:
        progress.close()


def _letter(call: Call, backend: Any) -> EmailMessage:
    domain = parseaddr(call.origin)[1].rpartition("@")[2]
    # The message's, not the attempt's: an EMERGENCY sent again without evidence is the same e-mail to every mailbox
    # that knows the first.
    name = salted_hmac("messaging.email", str(call.message_id)).hexdigest()[:32]
    return EmailMessage(
        subject=subject(call.message_class, language=call.language),
        body=call.text,
        from_email=call.origin,
        to=[call.address],
        headers={
            "Message-ID": f"<{name}@{domain}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's absence notice answers.
        },
        connection=backend,
    )


def subject(message_class: MessageClass, *, language: str) -> str:
    """By class alone: subjects show on locked screens and in the logs of every server on the way."""

    def compose() -> str:
        if message_class == MessageClass.EMERGENCY:
            return gettext("SOS: somebody needs your help")
        if message_class == MessageClass.VERIFICATION:
            return gettext("Your AlertMe code")
        return gettext("A message from AlertMe")

    return texts.render(compose, language=language or settings.LANGUAGE_CODE)


def _refused(error: Exception) -> Outcome | None:
    """What an error says for certain: the server's own words, or that the settings are wrong."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, words), *_] = error.recipients.values()
        return _reply(code, words)
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPAuthenticationError | smtplib.SMTPConnectError):
        # Nothing that was said yet concerned the recipient.
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
        # RFC 3463: refused by policy, for what we are and not for whom it is to.
        kind = Kind.CONFIGURATION
    else:
        kind = CODES.get(code, Kind.UNRECOGNISED)
    return Outcome(kind=kind, code=str(code))


class _Watched(smtplib.SMTP):
    """Tells how far it has come."""

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
    """Django's, with a connection that tells how far it has come."""

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
