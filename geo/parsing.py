"""Parses the bodies of uploads: JSON, plain or compressed with gzip, of at most MAX_BODY bytes. Other bodies have a
lower limit.
"""

import json
import zlib
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from geo import policy
from identity.errors import TooLarge

_GZIP = zlib.MAX_WBITS | 16


class BodyTooLarge(TooLarge):
    code = "body_too_large"
    detail = f"The body is too large: at most {policy.MAX_BODY} bytes, unpacked too."


class UploadParser(BaseParser):
    """Parses a body of at most MAX_BODY bytes, counted after unpacking. Unpacking stops at MAX_BODY."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(policy.MAX_BODY + 1)
        if len(body) > policy.MAX_BODY:
            raise BodyTooLarge
        encoding = parser_context["request"].headers.get("Content-Encoding", "") if parser_context else ""
        if encoding.lower() == "gzip":
            body = _unpacked(body)
        elif encoding.lower() not in {"", "identity"}:
            raise UnsupportedMediaType(encoding, "Content-Encoding can be gzip or nothing.")
        try:
            return json.loads(body, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not valid JSON in UTF-8.") from error


def _unpacked(body: bytes) -> bytes:
    unpack = zlib.decompressobj(_GZIP)
    try:
        found = unpack.decompress(body, policy.MAX_BODY + 1)
    except zlib.error as error:
        raise ParseError("The body is not what Content-Encoding says.") from error
    if len(found) > policy.MAX_BODY:
        raise BodyTooLarge
    if not unpack.eof:
        raise ParseError("The body ends too early.")
    return found


def _refuse(constant: str) -> float:
    """Raise for NaN and Infinity, which are not JSON (RFC 8259)."""
    raise ValueError(constant)
