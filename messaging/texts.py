"""Renders texts in the reader's language, and shortens names so that a text fits in one segment."""

from collections.abc import Callable
from functools import partial

from django.utils.translation import override

from messaging.segments import GSM_SINGLE, code_units, count_segments, is_gsm

# Marks that mean the same in the GSM alphabet.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        "\u2026": "...",
    }
)


def render(compose: Callable[[], str], *, language: str) -> str:
    """The text that `compose` makes in `language` (ky, ru, en), also if the current request has another language.

    Its typographic marks are replaced as in `plain`.
    """
    with override(language):
        return plain(compose())


def plain(text: str) -> str:
    """The text with typographic marks (quotes, dashes) replaced by those of the GSM alphabet, if all of it is then in
    that alphabet; otherwise the text unchanged.

    One mark outside the GSM alphabet reduces the characters in a segment from 160 to 70.
    """
    replaced = text.translate(_PLAIN)
    return replaced if is_gsm(replaced) else text


def fit_name(compose: Callable[[str], str], *, name: str, language: str) -> str:
    """The text that `compose` makes with the name, which is shortened until the text fits in one segment.

    Some carriers do not join the segments of an SMS. The text may be longer if it does not fit without any name either.
    """
    name = shortened(" ".join(name.split()), GSM_SINGLE)
    while True:
        text = render(partial(compose, name), language=language)
        if not name or count_segments(text) == 1:
            return text
        # One character at a time: without the last one a text may fit the GSM alphabet, where a segment holds 160.
        name = shortened(name, code_units(name) - 1)


def shortened(text: str, units: int) -> str:
    """The longest beginning of the text with at most `units` UTF-16 code units, without blanks at its end.

    No surrogate pair is split.
    """
    while code_units(text) > units:
        text = text[:-1]
    return text.rstrip()
