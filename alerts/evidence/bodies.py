"""Reading large bodies: by few threads at once and not for ever, so that slow phones never keep an SOS waiting."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings
from django.http import HttpRequest

from identity.errors import Busy, LengthUnknown

# A phone that is gone says nothing: its connection is given up after so long a silence.
SILENCE_S = 60

_slots = BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


class UploadsBusy(Busy):
    code = "uploads_busy"
    detail = "Too many files are being sent at this moment. Try again."
    retry_after_s = 2


class LengthRequired(LengthUnknown):
    code = "length_required"
    detail = "Content-Length must say how long the body is."


@contextmanager
def being_read(request: HttpRequest) -> Iterator[None]:
    """The time in which a large body is read. Half of the process's threads may; raises UploadsBusy."""
    connection = request.META.get("gunicorn.socket")
    if not _slots.acquire(blocking=False):
        if connection is not None:
            # What is still to come is not waited for, as it otherwise would be, before the thread is free again.
            connection.shutdown(socket.SHUT_RD)
        raise UploadsBusy
    try:
        if connection is not None:
            connection.settimeout(SILENCE_S)
        yield
    finally:
        if connection is not None:
            connection.settimeout(None)
        _slots.release()


def length_of(request: HttpRequest) -> int:
    """Content-Length. Raises LengthRequired, also for an empty body."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal() and int(length)):
        raise LengthRequired
    return int(length)
