"""Lets at most half of the web threads read large request bodies, and gives up a phone that is silent for SILENCE_S, so
that slow phones leave threads for an SOS.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings
from django.http import HttpRequest

from identity.errors import Busy, LengthUnknown

# A phone that has gone sends nothing, not even an end: close its connection after this many seconds of silence.
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
    """Count this request among those that read a large body while the `with` block runs.

    Raises UploadsBusy at once if half of the web threads read such bodies already; the body is then not read.
    """
    connection = request.META.get("gunicorn.socket")
    if not _slots.acquire(blocking=False):
        if connection is not None:
            # Stop reading at once: gunicorn would otherwise read the rest of the body and keep this thread busy.
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
    """The Content-Length in bytes. Raises LengthRequired if it is missing, 0 or no number."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal() and int(length)):
        raise LengthRequired
    return int(length)
