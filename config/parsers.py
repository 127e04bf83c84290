import io
import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from identity.errors import TooLarge


class BodyTooLarge(TooLarge):
    code = "body_too_large"
    detail = "The body is too large."


class BoundedJSONParser(BaseParser):
    """Parses JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes, or of the view's `body_limit`.

    Raises BodyTooLarge or ParseError. Halves of surrogate pairs are replaced (`_storable`).

    The class is not a JSONParser: for a JSONParser, DRF reads the whole body first, and Django refuses a large body
    before the view's limit is read.
    """

    media_type = JSONParser.media_type

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        view = (parser_context or {}).get("view")
        limit = getattr(view, "body_limit", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        try:
            return _storable(JSONParser().parse(io.BytesIO(body), "application/json", parser_context))
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except (UnicodeError, json.JSONDecodeError, ValueError) as error:
            raise ParseError("The body is not valid JSON in UTF-8.") from error


def _storable(value: Any) -> Any:
    """The value, with halves of surrogate pairs replaced by question marks.

    Half a pair is no character and cannot be stored or printed. A keyboard that sends one must not stop an SOS.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode(errors="replace"))
    return value
