"""Bounds the body of every request before anything reads it.

The bound is the view's `body_limit`, else DATA_UPLOAD_MAX_MEMORY_SIZE. A view with `body_limit = None` bounds its
bodies itself. At most one byte beyond the bound is read.
"""

import io
import socket
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from config.errors import problem
from config.parsers import BodyTooLarge
from config.paths import is_press


class BodyLimitMiddleware:
    """Refuses a body beyond the bound with 413, also on paths that no view has.

    Before all middleware that reads bodies. The body of a press is cut instead, and the press is served.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
        # A length that is no number counts as 0 bytes in Django too.
        length = _number(request.META.get("CONTENT_LENGTH"))
        if not is_chunked and length <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return self.get_response(request)
        limit = _limit_of(request.path_info)
        if is_chunked:
            # Django reads nothing of such a body, so the view of an SOS would miss its position.
            bound = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if limit is None else limit
            length = _unpack(request, bound)
            limit = bound
        if limit is None or length <= limit:
            return self.get_response(request)
        if not is_press(request):
            return _refuse(request)
        # Nothing refuses an SOS: its view reads the beginning of the body, and nobody the rest.
        _cut(request, limit)
        response = self.get_response(request)
        _stop_reading(request)
        return response


class NoFiles(FileUploadHandler):
    """Skips every file in a form. Only the views that accept recordings set another handler."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        raise SkipFile

    def file_complete(self, file_size: int) -> None:
        return None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


def _limit_of(path: str) -> int | None:
    try:
        function = resolve(path).func
    except Resolver404:
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    view = getattr(function, "view_class", None) or getattr(function, "cls", None)
    limit: int | None = getattr(view, "body_limit", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return limit


def _unpack(request: HttpRequest, limit: int) -> int:
    """Read a chunked body into memory, at most one byte more than `limit`; returns its length."""
    body = request.META["wsgi.input"].read(limit + 1)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = io.BytesIO(body)
    return len(body)


def _cut(request: HttpRequest, limit: int) -> None:
    rest = request._stream if isinstance(request._stream, io.BytesIO) else request.META["wsgi.input"]
    request.META["CONTENT_LENGTH"] = str(limit)
    request._stream = cast(BinaryIO, LimitedStream(rest, limit))


def _refuse(request: HttpRequest) -> HttpResponse:
    _stop_reading(request)
    return problem(413, BodyTooLarge.code, BodyTooLarge.detail)


def _stop_reading(request: HttpRequest) -> None:
    connection = request.META.get("gunicorn.socket")
    if connection is not None:
        # Stop reading: gunicorn would otherwise read the rest of the body and keep this thread busy.
        connection.shutdown(socket.SHUT_RD)
