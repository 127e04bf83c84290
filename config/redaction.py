"""The addresses of a contacts' page and of a file are their keys: they stand in no log and no error report."""

import logging
import re
from typing import Any

import structlog
from gunicorn import glogging

# Whatever follows: what is asked below a link names it too.
_KEYED_PATH = re.compile(r"/(a|api/v1/evidence)/[^\s\"'<>]+")


def without_tokens(text: str) -> str:
    return _KEYED_PATH.sub(r"/\1/[token]", text)


def redact_event(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor of structlog. Django names the path of a request that failed."""
    return {key: without_tokens(value) if isinstance(value, str) else value for key, value in event.items()}


class _Redacted(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_tokens(record.getMessage()), ()
        return True


class GunicornLogger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's error log quotes a request line that it does not understand."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(_Redacted())
