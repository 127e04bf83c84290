"""The parser of a press for Django REST framework: it gets every body, and body.py reads it."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from alerts.sos import body


class PressParser(BaseParser):
    """Parses the body of a press into a Mapping or Unreadable; reads at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    media_type = "application/json"
    takes_any_type = True

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {}).get("request")
        encoding = request.headers.get("Content-Encoding", "") if request else ""
        try:
            sent = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        except OSError:  # The phone lost the network in the middle of the body.
            sent = b""
        return body.read(sent, media_type=media_type or "", encoding=encoding)
