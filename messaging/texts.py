"""What every text needs: a template in the reader's language, and names short enough for one segment."""

from collections.abc import Callable
from functools import partial

from django.utils.translation import override

from messaging.segments import GSM_SINGLE, code_units, count_segments


def render(compose: Callable[[], str], *, language: str) -> str:
    """Compose a text in a language (ky, ru, en) whatever the current request speaks."""
    with override(language):
        return compose()


def fit_name(compose: Callable[[str], str], *, name: str, language: str) -> str:
    """The text with as much of the name as one segment holds; some carriers do not join parts."""
    name = shortened(" ".join(name.split()), GSM_SINGLE)
    while True:
        text = render(partial(compose, name), language=language)
        if not name or count_segments(text) == 1:
            return text
        # One by one: without its last letter a text may be of the GSM alphabet and hold 160 characters.
        name = shortened(name, code_units(name) - 1)


def shortened(text: str, units: int) -> str:
    """The longest beginning of at most so many UTF-16 code units, a pair never split."""
    while code_units(text) > units:
        text = text[:-1]
    return text.rstrip()
