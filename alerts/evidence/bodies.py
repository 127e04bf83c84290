"""Reads large request bodies in few threads and not forever, so that slow phones never keep an SOS waiting."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.conf import settings
from rest_framework.exceptions import APIException
from rest_framework.request import Request

# A phone that has gone sends nothing, not even an end: close its connection after this many seconds of silence.
SILENCE_S = 60

_slots = BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


class UploadsBusy(APIException):
    """The response has a Retry-After header: DRF takes the seconds from `wait`."""

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
    """Holds a slot while a large body is read. Half of the threads may read at once; otherwise raises UploadsBusy."""
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


def length_of(request: Request) -> int:
    """The Content-Length. Raises LengthRequired if it is missing or 0."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal() and int(length)):
        raise LengthRequired
    return int(length)
