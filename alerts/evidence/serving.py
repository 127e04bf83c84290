"""A file as a response: whole or a range (RFC 9110, section 14), in small chunks. Its headers keep a browser from
running it as a page of our site.
"""

import re
from collections.abc import Generator
from contextlib import closing

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response

from alerts.evidence import keeping
from alerts.evidence.blocks import Readable
from alerts.evidence.sending import DownloadsBusy, Sending
from alerts.models import Evidence
from messaging.database import clock
from messaging.operations import alarms

_CHUNK = 64 * 1024
# Seconds for Retry-After when the storage does not give a file.
_TRY_AGAIN_S = 10
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# If a browser opens the file as a page, that page can do nothing.
_SANDBOX = "sandbox; default-src 'none'; media-src 'self'; img-src 'self'"


class _OutOfRange(Exception):
    pass


def respond(request: HttpRequest, evidence: Evidence) -> HttpResponseBase:
    """The response: 200 with the whole file, 206 with the range asked for, 304 or 416.

    503 means that the storage does not give the file (the operator is alarmed), or that too many files are being sent.
    A request for several ranges gets the whole file.
    """
    etag = f'"{evidence.sha256}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return _described(unchanged, evidence)
    try:
        part = _part(request, size=evidence.size, etag=etag)
    except _OutOfRange:
        return _described(HttpResponse(status=416, headers={"Content-Range": f"bytes */{evidence.size}"}), evidence)
    start, end = part or (0, evidence.size)
    try:
        file = keeping.opened(evidence)
    except OSError:
        alarms.alarm("evidence_unreadable", now=clock.now(), evidence_id=str(evidence.id))
        return HttpResponse(status=503, headers={"Retry-After": str(_TRY_AGAIN_S)})
    try:
        sending = Sending(_alarming(chunks(file, start, end), evidence), request=request)
    except DownloadsBusy as busy:
        return HttpResponse(status=503, headers={"Retry-After": str(busy.retry_after_s)})
    response: HttpResponseBase = StreamingHttpResponse(sending, status=206 if part else 200)
    response["Content-Length"] = str(end - start)
    if part:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{evidence.size}"
    return _described(response, evidence)


def _part(request: HttpRequest, *, size: int, etag: str) -> tuple[int, int] | None:
    """Return the first byte of the requested range and the byte after its last; None for the whole file.

    Raises _OutOfRange if the file has no byte of the range.
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not asked or request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size or end <= start:
        raise _OutOfRange
    return start, end


def _alarming(sent: Generator[bytes], evidence: Evidence) -> Generator[bytes]:
    """Pass the file's chunks on. If the storage fails before the end, alarm the operator and raise: the client gets
    fewer bytes than Content-Length says.
    """
    try:
        yield from sent
    except OSError:
        alarms.alarm("evidence_unreadable", now=clock.now(), evidence_id=str(evidence.id))
        raise


def chunks(file: Readable, start: int, end: int) -> Generator[bytes]:
    """Yield the file's bytes from `start` up to, but without, `end`; close the file at the end."""
    with closing(file):
        file.seek(start)
        while start < end:
            chunk = file.read(min(_CHUNK, end - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk


def _described(response: HttpResponseBase, evidence: Evidence) -> HttpResponseBase:
    extension = evidence.name.rpartition(".")[2]
    response["ETag"] = f'"{evidence.sha256}"'
    response["Content-Type"] = evidence.media_type
    response["Content-Disposition"] = f'inline; filename="{evidence.kind}-{evidence.id}.{extension}"'
    response["Accept-Ranges"] = "bytes"
    response["Content-Security-Policy"] = _SANDBOX
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "private, no-store"
    return response
