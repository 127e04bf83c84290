"""Renders texts in the reader's language, and shortens names so that a text fits in one segment."""

from collections.abc import Callable
from functools import partial

from django.utils.translation import override

from messaging.segments import GSM_SINGLE, code_units, count_segments


def render(compose: Callable[[], str], *, language: str) -> str:
    """The text that `compose` makes in this language (ky, ru, en), whatever the language of the current request."""
    with override(language):
        return compose()


def fit_name(compose: Callable[[str], str], *, name: str, language: str) -> str:
    """The text that `compose` makes from as much of the name as fits in one segment: some carriers do not join parts of
    an SMS.
    """
    name = shortened(" ".join(name.split()), GSM_SINGLE)
    while True:
        text = render(partial(compose, name), language=language)
        if not name or count_segments(text) == 1:
            return text
        # One character at a time: without the last one a text may fit the GSM alphabet, where a segment holds 160.
        name = shortened(name, code_units(name) - 1)


def shortened(text: str, units: int) -> str:
    """The longest beginning of the text with at most `units` UTF-16 code units; no surrogate pair is split."""
    while code_units(text) > units:
        text = text[:-1]
    return text.rstrip()
