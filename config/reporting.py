"""Sends error reports to Sentry without personal data: no bodies, local variables, headers or breadcrumbs.

Runs of digits that may be phone numbers (_DIGITS), and secret paths (config/redaction.py), are replaced.
"""

import re
from typing import Any

import sentry_sdk

from config.redaction import without_tokens

# Phone numbers and codes leak through exception texts and log parameters even with send_default_pii off.
_DIGITS = re.compile(r"\+?\d[\d\s().-]{4,}\d")
_KEPT = {"event_id", "timestamp", "level", "logger", "platform", "environment", "release", "modules", "sdk"}


def start(dsn: str) -> None:
    if dsn:
        sentry_sdk.init(
            dsn=dsn,
            send_default_pii=False,
            max_request_body_size="never",
            include_local_variables=False,
            max_breadcrumbs=0,
            before_send=scrub,
        )


def scrub(event: Any, hint: Any) -> Any:
    """Return the Sentry event without the request, the user, extra data and the texts of exceptions, which quote rows.

    In the other fields, except those of _KEPT, runs of digits (_DIGITS) and secret paths are replaced.
    """
    for key in ("request", "user", "extra", "breadcrumbs"):
        event.pop(key, None)
    for error in (event.get("exception") or {}).get("values") or []:
        error.pop("value", None)
    return {key: value if key in _KEPT else _scrubbed(value) for key, value in event.items()}


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return _DIGITS.sub("[digits]", without_tokens(value))
    if isinstance(value, dict):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item) for item in value]
    return value
