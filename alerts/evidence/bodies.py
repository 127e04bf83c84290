"""Reading large bodies: by few threads at once and not for ever, so that slow phones never keep an SOS waiting."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings
from rest_framework.exceptions import APIException
from rest_framework.request import Request

# A phone that is gone says nothing: its connection is given up after so long a silence.
SILENCE_S = 60

_slots = BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


class UploadsBusy(APIException):
    """Answered with Retry-After: DRF reads `wait`, in seconds."""

    status_code = 503
    default_code = "uploads_busy"
    default_detail = "Too many files are being sent at this moment. Try again."
    wait = 2


class LengthRequired(APIException):
    status_code = 411
    default_code = "length_required"
    default_detail = "Content-Length must say how long the body is."


@contextmanager
def being_read(request: Request) -> Iterator[None]:
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


def length_of(request: Request) -> int:
    """Content-Length. Raises LengthRequired, also for an empty body."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal() and int(length)):
        raise LengthRequired
    return int(length)
