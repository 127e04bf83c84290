"""Turns the bytes of a press into fields. The bytes may be compressed, cut short, empty, a form instead of JSON, or in
another encoding than the headers say.

No function in this file raises, whatever the bytes are. A body that cannot be read becomes Unreadable: intake.py then
makes an SOS without position, or a drill if the text or the URL says so, with a warning.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import parse_qsl

from django.conf import settings
from django.http.multipartparser import MultiPartParser

_OF_A_FIX = ("latitude", "longitude", "accuracy", "altitude", "speed", "course", "battery", "network", "activity")
# Every field that a press may have. Others are dropped unread.
FIELDS = frozenset((*_OF_A_FIX, "recorded_at", "sent_at", "address", "drill"))
# No usable number is longer; int() of a longer one takes long or raises.
_LONGEST_NUMBER = 25
# Charsets of clients in the region. Others are read as UTF-8: some codecs of Python take minutes for 64 KB.
_CHARSETS = ("windows-1251", "cp1251", "koi8-r", "iso-8859-5", "windows-1252", "iso-8859-1", "latin-1")
_BLANK = " \t\r\n\0\ufeff"
_SAYS_DRILL = re.compile(r"""\bdrill\b["'\s]*[:=]["'\s]*true\b""", re.IGNORECASE)
_SAYS_NO_DRILL = re.compile(r"""\bdrill\b["'\s]*[:=]["'\s]*(?!["'\s]*true\b)""", re.IGNORECASE)
_MARKED_DRILL = re.compile(r"(?:^|&)drill=(?:true|1)(?:&|$)", re.IGNORECASE)
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A body that is neither a JSON object nor a form.

    `says_drill`: its text has `drill` with the value true, and with no other value.
    """

    says_drill: bool = False


def marks_drill(query: str) -> bool:
    """Whether the query of the URL says `drill=true`. A proxy may lose the body of a request, but not its URL."""
    return bool(_MARKED_DRILL.search(query))


def read(body: bytes, *, media_type: str, encoding: str) -> Mapping[str, object] | Unreadable:
    """Return the FIELDS that the body has, by name, with an empty list in place of each list or object; Unreadable: it
    has none that can be read. An empty body has no fields.

    `media_type` and `encoding` are the headers Content-Type and Content-Encoding. They are only hints.
    """
    body = _unpacked(body, encoding.lower())
    text = _text(body, media_type.lower())
    if not text:
        return {}
    fields = _of_json(text)
    if fields is None:
        fields = _of_form(body, text, media_type)
    if fields is None:
        return Unreadable(says_drill=bool(_SAYS_DRILL.search(text)) and not _SAYS_NO_DRILL.search(text))
    # Only whether a list or object stands in the place of a value matters.
    return {name: [] if isinstance(value, (list, dict)) else value for name, value in fields.items() if name in FIELDS}


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Return the body unpacked from gzip or deflate, or as it is if it is in neither format.

    The header `encoding` may say deflate for a body that is not: some proxies unpack it.
    """
    if body[:2] == b"\x1f\x8b":
        return _unpack(body, _GZIP) or body
    if "deflate" in encoding and not body.lstrip().startswith(b"{"):
        return _unpack(body, _ZLIB) or _unpack(body, _RAW) or body
    return body


def _unpack(body: bytes, window: int) -> bytes:
    """Return the first DATA_UPLOAD_MAX_MEMORY_SIZE unpacked bytes: a small body cannot fill the memory.

    `window` is the `wbits` of zlib, which choose the format. Returns b"" if the body is not in that format.
    """
    try:
        return zlib.decompressobj(window).decompress(body, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    except zlib.error:
        return b""


def _text(body: bytes, media_type: str) -> str:
    charset = next((name for name in _CHARSETS if name in media_type), "")
    # RFC 8259 asks for UTF-8; json.detect_encoding knows UTF-16 and UTF-32 by their zeros.
    for name in (json.detect_encoding(body), charset):
        try:
            return body.decode(name).strip(_BLANK) if name else body.decode(errors="replace").strip(_BLANK)
        except UnicodeDecodeError:
            continue
    return body.decode(errors="replace").strip(_BLANK)


def _of_json(text: str) -> Mapping[str, object] | None:
    """Return the JSON object at the beginning of the text; None: there is no object. Text after it is ignored."""
    try:
        found, _ = _JSON.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, str) and found.lstrip().startswith("{"):
        return _of_json(found.strip(_BLANK))  # Encoded twice.
    return found if isinstance(found, dict) else None


def _of_form(body: bytes, text: str, media_type: str) -> Mapping[str, object] | None:
    """Return the FIELDS of a form; None: the body is no form, or has none of these fields.

    `true` and `false` become booleans. All other values stay texts.
    """
    pairs: list[tuple[str, str]] = []
    if "multipart/form-data" in media_type.lower():
        pairs = _of_multipart(body, media_type)
    elif "=" in text:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
    found = {name: value for name, value in pairs if name in FIELDS}
    words: dict[str, object] = {"true": True, "false": False}
    return {name: words.get(value.lower(), value) for name, value in found.items()} or None


def _of_multipart(body: bytes, media_type: str) -> list[tuple[str, str]]:
    try:
        form, _ = MultiPartParser(
            {"CONTENT_TYPE": media_type, "CONTENT_LENGTH": len(body)}, BytesIO(body), [], "utf-8"
        ).parse()
    except Exception:  # noqa: BLE001 Django's parser raises many kinds; none of them may refuse an SOS.
        return []
    return [(name, str(value)) for name, value in form.items()]


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the JSON object with these pairs. A name that comes twice has its last value.

    If `drill` comes with different values, its value is a text, which intake.py refuses with a warning.
    """
    found = dict(pairs)
    said = [value for name, value in pairs if name == "drill"]
    if any(value is not said[0] for value in said):
        found["drill"] = "contradictory"
    return found


# NaN and Infinity are no JSON, but some clients send them for "no position".
_JSON = json.JSONDecoder(parse_int=_integer, parse_constant=lambda _: None, object_pairs_hook=_once)
