"""Names of people and contacts: how a typed name is tidied, which names are refused, and what of a name an SMS holds.

Our SMS carry names that account holders choose. A name must not look like a link, a number or words of ours. So it
holds letters, their marks, spaces, apostrophes, hyphens, and periods after an initial. Emoji may stand in a stored name
and are left out of every SMS.

Python's tables of Unicode are older than those of phones. Emoji and ideographs that are not in them are recognised by
their blocks (_EMOJI, _IDEOGRAPHS).
"""

import re
import unicodedata
from functools import lru_cache

# U+2019 and U+02BC stay as they were typed; an SMS gets the first one, which the GSM alphabet has.
APOSTROPHES = "'\u2019\u02bc"
# Other characters that keyboards give for an apostrophe, a hyphen or a space.
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u02bb\u02b9\u2032`\u00b4\u05f3\u055a\uff07", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"),
        **dict.fromkeys("\u00b7\u30fb\uff65", " "),
    }
)
# Invisible characters of other categories than Cf: fillers, the blank Braille cell, variation selectors.
_INVISIBLE = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)))
) | frozenset(map(chr, range(0xE0100, 0xE01F0)))
_ZWNJ, _ZWJ = "\u200c", "\u200d"
# Scripts in which a joiner changes how the letters around it are written.
_JOINING = frozenset(
    (
        *("ARABIC", "SYRIAC", "MONGOLIAN", "NKO", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL"),
        *("TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN"),
    )
)
_SYMBOLS = frozenset({"So", "Sk", "Sm", "Cn"})
# Blocks of emoji, of today and to come.
_EMOJI = ((0x2190, 0x21FF), (0x2300, 0x23FF), (0x25A0, 0x27BF), (0x2B00, 0x2BFF), (0x1F000, 0x1FAFF))
# Planes of ideographs. Rare surnames are being added to them.
_IDEOGRAPHS = range(0x20000, 0x3FFFE)
# An initial has one or two letters, like "J." or "Дж.".
_INITIAL = 2
# Names that would make a text of ours say something else, in the letters they look like.
_RESERVED_WORDS = ("sos", "alertme", "police", "emergency", "test", "полиция", "милиция", "тест")
_LOOKS_LIKE = str.maketrans(
    "авекмнорстухіјѕԁһԛԝӏ" + "αβεικνορτυχ" + "ıłøđ",
    "abekmhopctyxijsdhqwl" + "abeikvoptux" + "ilod",
)


def visible(text: str) -> str:
    """The text in one line, without the invisible characters and direction marks that come with pasted text."""
    text = unicodedata.normalize("NFC", text)
    kept = (c for place, c in enumerate(text) if not _is_invisible(c) or _joins(text, place))
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def tidy(text: str) -> str:
    """A name as it is stored: visible, with plain apostrophes and hyphens (_SAME) and a space after each initial."""
    return _spaced(visible(text.translate(_SAME)))


def is_name(tidied: str) -> bool:
    """Whether a tidied text may be a name: letters, marks, spaces, apostrophes, hyphens, initials, and emoji."""
    return all(map(_is_word, re.split(r"[ -]", tidied))) and any(is_letter(c) or is_emoji(c) for c in tidied)


def is_reserved(name: str) -> bool:
    """Whether a word of the name, or the name as one word, looks like a word that only our own texts may say."""
    words = [_skeleton(word) for word in re.split(r"[\W_]+", name)]
    return not _RESERVED.isdisjoint({*words, "".join(words)})


# Cached: the texts of one alert ask for the same name once for each contact.
@lru_cache(maxsize=1_000)
def in_text(*parts: str) -> str:
    """The name that these parts make, as an SMS shows it: without emoji and characters that are refused.

    "" if no letter is left, or if the name is reserved (`is_reserved`). Old stored names may break the rules of today.
    """
    stored = tidy(" ".join(parts))
    kept = "".join(_in_text(character, stored, place) for place, character in enumerate(stored))
    name = _spaced(visible(_LONE.sub(" ", kept)))
    return "" if is_reserved(name) or not any(map(is_letter, name)) else name


def is_letter(character: str) -> bool:
    if character in APOSTROPHES:  # U+02BC is a letter to Unicode.
        return False
    is_new = unicodedata.category(character) == "Cn" and ord(character) in _IDEOGRAPHS
    return is_new or unicodedata.category(character)[0] == "L"


def is_emoji(character: str) -> bool:
    is_in_block = any(first <= ord(character) <= last for first, last in _EMOJI)
    return is_in_block and unicodedata.category(character) in _SYMBOLS


def _in_text(character: str, name: str, place: int) -> str:
    """The character of a stored name, or the one that replaces it in an SMS: an apostrophe, a period or a space."""
    if character in APOSTROPHES:
        return "'"
    if _is_of_word(character) or character == "-":
        return character
    return "." if character == "." and _is_after_initial(name, place) else " "


def _is_word(word: str) -> bool:
    """Whether a word holds letters with marks and apostrophes, or emoji; only an initial has a period, at its end."""
    if word.endswith("."):
        word = word[:-1]
        if not 1 <= sum(map(is_letter, word)) <= _INITIAL:
            return False
    return all(_is_of_word(c) or c in APOSTROPHES or is_emoji(c) for c in word)


def _is_of_word(character: str) -> bool:
    """Whether this is a letter, a mark on a letter, or a joiner."""
    is_mark = unicodedata.category(character) in ("Mn", "Mc")
    return is_letter(character) or is_mark or character in (_ZWNJ, _ZWJ)


def _is_invisible(character: str) -> bool:
    return character in _INVISIBLE or unicodedata.category(character) in ("Cf", "Co")


def _joins(text: str, place: int) -> bool:
    """Whether the character is a joiner between two letters of a script that needs it, or between two emoji."""
    if text[place] not in (_ZWNJ, _ZWJ) or not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if before == "\ufe0f" and place > 1:
        before = text[place - 2]
    if text[place] == _ZWJ and is_emoji(after):
        return is_emoji(before)
    is_joining = unicodedata.name(before, "").split(" ")[0] in _JOINING
    return is_joining and unicodedata.name(after, "").split(" ")[0] in _JOINING


def _is_after_initial(name: str, place: int) -> bool:
    word = re.split(r"[ .-]", name[:place])[-1]
    return 1 <= sum(map(is_letter, word)) <= _INITIAL and all(is_letter(c) or unicodedata.combining(c) for c in word)


def _spaced(name: str) -> str:
    """Put a space after the period of each initial, so that no period stands between two letters."""
    spaced = "".join(
        f"{c} " if c == "." and _is_after_initial(name, i) and name[i + 1 : i + 2] not in (" ", "-", "") else c
        for i, c in enumerate(name)
    )
    return " ".join(spaced.split())


def _skeleton(word: str) -> str:
    """The word in the small Latin letters that it looks like, without marks: a Cyrillic О becomes "o"."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_LOOKS_LIKE)


_RESERVED = frozenset(map(_skeleton, _RESERVED_WORDS))
# Hyphens and apostrophes that no letter holds.
_LONE = re.compile(r"(?:(?<=\s)|^)[-']+(?=\s|$)")
