"""How many SMS segments a text takes. Pace and cost are per segment.

Rules: 3GPP TS 23.038 (GSM 03.38) for the alphabets, TS 23.040 for joined parts. A text of the GSM alphabet has
160 characters alone and 153 in a joined part; any other text is UCS-2 with 70 and 67 code units.
"""

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is sent as an escape and a character: two places.
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM = _GSM_BASIC | _GSM_EXTENDED

GSM_SINGLE, GSM_PART = 160, 153
UCS2_SINGLE, UCS2_PART = 70, 67


def is_gsm(text: str) -> bool:
    """Whether every character is in the GSM 03.38 default alphabet or its extension table."""
    return _GSM.issuperset(text)


def code_units(text: str) -> int:
    """Length in UTF-16 code units: what a UCS-2 segment is measured in."""
    return len(text.encode("utf-16-le")) // 2


def count_segments(text: str) -> int:
    """Segments the text is sent as; an empty text takes one."""
    # Shorter than the shorter limit whatever its characters take: most texts are, and need not be counted through.
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
