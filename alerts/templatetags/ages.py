"""Ages like "5 min ago". page.js uses the same words and counts up between two polls."""

from datetime import datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

register = template.Library()

# Seconds of each unit, with its words. They are abbreviated, so that no language needs a plural.
UNITS = (
    (86_400, _("{n} d ago")),
    (3_600, _("{n} h ago")),
    (60, _("{n} min ago")),
)
JUST_NOW = _("just now")


@register.simple_tag
def ago(moment: datetime, now: datetime) -> SafeString:
    """A <time> element with the age of `moment` in seconds. page.js counts from this age: the phone's clock may be
    wrong.
    """
    seconds = max(0, int((now - moment) / timedelta(seconds=1)))
    return format_html(
        '<time datetime="{}" data-age="{}">{}</time>', moment.isoformat(timespec="seconds"), seconds, words(seconds)
    )


@register.simple_tag
def age_words() -> SafeString:
    """HTML attributes with the words of UNITS and JUST_NOW, for page.js."""
    units = " ".join(f'data-u{size}="{{}}"' for size, _words in UNITS)
    return format_html(f'data-u0="{{}}" {units}', gettext(JUST_NOW), *(gettext(text) for _size, text in UNITS))


def words(seconds: int) -> str:
    for size, text in UNITS:
        if seconds >= size:
            return gettext(text).format(n=seconds // size)
    return gettext(JUST_NOW)
