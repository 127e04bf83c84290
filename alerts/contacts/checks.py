"""Checks the settings that shape the SOS text. It is one of Django's system checks, which most manage.py commands run,
so an error shows before the first SOS.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.http.request import validate_host

from alerts.contacts import links
from messaging.segments import UCS2_SINGLE

# Room for a first name, so that the contact knows who needs help.
NAME_UNITS = 7
_AROUND_LINK = len("SOS!  ")


def links_leave_room(**_: Any) -> list[CheckMessage]:
    """Return an error if "SOS!", a link and a name of NAME_UNITS do not fit in one segment of Cyrillic, and one if the
    link's host is not in ALLOWED_HOSTS.
    """
    problems: list[CheckMessage] = []
    over = len(links.url("x" * links.TOKEN_LENGTH)) + _AROUND_LINK + NAME_UNITS - UCS2_SINGLE
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
