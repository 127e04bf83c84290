"""How long ago something was: the same words here and in page.js, which counts on between two polls."""

from datetime import datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

register = template.Library()

# Abbreviated, so that no language needs a plural. From so many seconds on, in units of so many.
UNITS = (
    (86_400, _("{n} d ago")),
    (3_600, _("{n} h ago")),
    (60, _("{n} min ago")),
)
JUST_NOW = _("just now")


@register.simple_tag
def ago(moment: datetime, now: datetime) -> SafeString:
    """A <time> with its age in seconds for page.js: no clock of the phone's is trusted."""
    seconds = max(0, int((now - moment) / timedelta(seconds=1)))
    return format_html(
        '<time datetime="{}" data-age="{}">{}</time>', moment.isoformat(timespec="seconds"), seconds, words(seconds)
    )


@register.simple_tag
def age_words() -> SafeString:
    """What page.js needs to say the same."""
    units = " ".join(f'data-u{size}="{{}}"' for size, _words in UNITS)
    return format_html(f'data-u0="{{}}" {units}', gettext(JUST_NOW), *(gettext(text) for _size, text in UNITS))


def words(seconds: int) -> str:
    for size, text in UNITS:
        if seconds >= size:
            return gettext(text).format(n=seconds // size)
    return gettext(JUST_NOW)
