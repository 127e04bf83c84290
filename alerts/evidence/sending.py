"""Lets at most a quarter of the web threads send files, and gives up a client that takes longer than SILENCE_S for one
chunk, so that slow clients leave threads for an SOS.
"""

import socket
from collections.abc import Generator, Iterator
from threading import BoundedSemaphore
from weakref import finalize

from django.conf import settings
from django.http import HttpRequest

from alerts.evidence.bodies import SILENCE_S
from identity.errors import Busy

_slots = BoundedSemaphore(max(1, settings.WEB_THREADS // 4))


class DownloadsBusy(Busy):
    code = "downloads_busy"
    detail = "Too many files are being fetched at this moment. Try again."
    retry_after_s = 10


class Sending:
    """The chunks of a streamed response. It counts as being sent until it is closed.

    Creating one raises DownloadsBusy while a quarter of the web threads send files.
    """

    def __init__(self, chunks: Generator[bytes], *, request: HttpRequest) -> None:
        if not _slots.acquire(blocking=False):
            raise DownloadsBusy
        self._chunks = chunks
        connection: socket.socket | None = request.META.get("gunicorn.socket")
        if connection is not None:
            connection.settimeout(SILENCE_S)
        # Runs once: when the response is closed or, if it never is, when this object is collected.
        self._end = finalize(self, _end, chunks, connection)

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Django calls this at the end of the response, also after an error."""
        self._end()


def _end(chunks: Generator[bytes], connection: socket.socket | None) -> None:
    chunks.close()
    if connection is not None:
        connection.settimeout(None)
    _slots.release()
