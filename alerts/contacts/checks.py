"""What is wrong with the settings of the SOS text, said before the first SOS: a check of every manage.py command."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.http.request import validate_host

from alerts.contacts import links
from messaging.segments import UCS2_SINGLE

# A first name, to know them by.
NAME_UNITS = 7
_AROUND_LINK = len("SOS!  ")


def links_leave_room(**_: Any) -> list[CheckMessage]:
    """A contact's link and a name take one segment of Cyrillic, and the link leads to a host that we answer for."""
    problems: list[CheckMessage] = []
    over = len(links.address("x" * links.TOKEN_LENGTH)) + _AROUND_LINK + NAME_UNITS - UCS2_SINGLE
    if over > 0:
        problems.append(
            Error(
                f"The links in SMS are {over} characters too long for one segment.",
                hint="Set LINK_BASE_URL to a shorter URL that leads to this server.",
                id="alerts.E001",
            )
        )
    host = urlsplit(settings.LINK_BASE_URL).hostname or ""
    if settings.ALLOWED_HOSTS and not validate_host(host, settings.ALLOWED_HOSTS):
        problems.append(
            Error("ALLOWED_HOSTS lacks the host of LINK_BASE_URL: no contact could open a link.", id="alerts.E002")
        )
    return problems
