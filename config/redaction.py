"""Removes secret paths from logs and error reports: /a/…, /c/… and files of evidence.

Everyone who has the URL of a contacts' page, of a page of consent or of a file can open it.
"""

import logging
import re
from typing import Any

import structlog
from gunicorn import glogging

# The whole rest of the path: a request below a link names the link too.
_KEYED_PATH = re.compile(r"/(a|c|api/v1/evidence)/[^\s\"'<>]+")


def without_tokens(text: str) -> str:
    return _KEYED_PATH.sub(r"/\1/[token]", text)


def redact_event(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor of structlog that replaces secret paths in log lines: Django logs the path of a failed request."""
    return {key: without_tokens(value) if isinstance(value, str) else value for key, value in event.items()}


class _Redacted(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_tokens(record.getMessage()), ()
        return True


class GunicornLogger(glogging.Logger):  # type: ignore[misc]
    """Hides secret URLs in gunicorn's error log, which quotes each request line that gunicorn does not understand."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(_Redacted())
