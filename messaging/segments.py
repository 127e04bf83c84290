"""Counts the SMS segments of a text. Pace and cost are per segment.

Rules: 3GPP TS 23.038 (GSM 03.38) for the alphabets, TS 23.040 for joined parts. One SMS holds 160 characters of the GSM
alphabet, or 70 UCS-2 code units for any other text. Each part of a longer text holds 153 characters or 67 code units.
"""

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is sent as an escape and a character, so it counts twice.
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = _GSM_BASIC | _GSM_EXTENDED

GSM_SINGLE, GSM_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


def is_gsm(text: str) -> bool:
    """Whether every character is in the GSM 03.38 default alphabet or its extension table."""
    return _GSM.issuperset(text)


def code_units(text: str) -> int:
    """Length in UTF-16 code units, in which UCS-2 segments are measured."""
    return len(text.encode("utf-16-le")) // 2


def count_segments(text: str) -> int:
    """The number of segments that the text is sent as; an empty text takes one."""
    # Most texts are so short that they fit in one segment with any characters: these need no count.
    if 2 * len(text) <= UCS2_SINGLE:
        return 1
    if is_gsm(text):
        if _GSM_EXTENDED.isdisjoint(text) and len(text) <= GSM_SINGLE:
            return 1
        widths = [2 if character in _GSM_EXTENDED else 1 for character in text]
        return _parts(widths, single=GSM_SINGLE, part=GSM_PART)
    widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return _parts(widths, single=UCS2_SINGLE, part=UCS2_PART)


def _parts(widths: list[int], *, single: int, part: int) -> int:
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        # An escape pair or a surrogate pair is never split over two parts.
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
