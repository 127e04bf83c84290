"""Structured logs: a constant event name with ids as fields, one JSON object a line. No numbers, names or texts."""

import logging.config
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import dramatiq
import structlog
from django.http import HttpRequest, HttpResponse

from config.redaction import redact_event

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(*, debug: bool) -> None:
    renderer: Any = structlog.dev.ConsoleRenderer() if debug else structlog.processors.JSONRenderer()
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _where_not_what,
            redact_event,
            renderer,
        ],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"structured": formatter},
            "filters": {"ids": {"()": IdsOfBrokerMessages}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "structured", "filters": ["ids"]},
            },
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                # Their lines carry phone numbers, bodies or whole connection parameters.
                "twilio": {"level": "ERROR"},
                "pika": {"level": "CRITICAL"},
                "django.request": {"level": "ERROR"},
                "django.server": {"level": "ERROR"},
            },
        }
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class IdsOfBrokerMessages(logging.Filter):
    """Replaces broker messages in Dramatiq's log lines by their ids: a malformed message may hold anything."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                item.message_id if isinstance(item, (dramatiq.Message, dramatiq.MessageProxy)) else item
                for item in record.args
            )
        return True


def _where_not_what(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor of structlog: replaces `exc_info` by a traceback without the exceptions' texts, which quote rows."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        event["exception"] = "".join(_frames(error))
    return event


def _frames(error: BaseException) -> Iterator[str]:
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _frames(earlier)
        yield "then\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"


class RequestIdMiddleware:
    """Gives each request an id, in its log lines and its response, so that a report can be matched to the lines."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
