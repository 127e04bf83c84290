"""Django REST framework's parser for the body of a press, whatever its Content-Type is. body.py reads the bytes."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from alerts.sos import body


class PressParser(BaseParser):
    """Parses the body of a press into a Mapping of its fields or Unreadable. Reads at most DATA_UPLOAD_MAX_MEMORY_SIZE
    bytes. A body that breaks off because the connection was lost counts as empty.
    """

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
