"""Every error leaves as application/problem+json (RFC 9457) with a stable `code`."""

from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
_RETRY_AFTER_S = 2


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """DRF's exception handler. An APIException's default_code becomes `code`; field errors stand in `errors`."""
    if is_out_of_reach(error):
        set_rollback()
        return _database_unavailable()
    if isinstance(error, RequestDataTooBig):
        return problem(413, "body_too_large", "The body is too large.")
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    headers = {name: value for name, value in response.items() if name.lower() != "content-type"}
    return Response(_problem(error, response.data), response.status_code, headers=headers, content_type=CONTENT_TYPE)


def _problem(error: exceptions.APIException, data: Any) -> dict[str, Any]:
    codes = error.get_codes()
    problem: dict[str, Any] = {"type": "about:blank", "status": error.status_code}
    if isinstance(error, exceptions.ValidationError):
        # {message, code} for each error of each field.
        errors = error.get_full_details()
        problem |= {"title": "Invalid input", "code": "invalid", "detail": "Some fields are wrong."}
        return problem | {"errors": {"non_field_errors": errors} if isinstance(errors, list) else errors}
    detail = data.get("detail") if isinstance(data, dict) else data
    code = codes if isinstance(codes, str) else error.default_code
    problem |= {"title": str(error.default_detail), "code": code, "detail": str(detail)}
    # Extension members (RFC 9457, 3.2) that the error brings: ids a client goes on with.
    return problem | getattr(error, "members", {})


def problem(status_code: int, code: str, detail: str, *, retry_after_s: int | None = None) -> JsonResponse:
    body = {"type": "about:blank", "title": detail, "status": status_code, "code": code, "detail": detail}
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return JsonResponse(body, status=status_code, content_type=CONTENT_TYPE, headers=headers)


def _database_unavailable() -> JsonResponse:
    return problem(
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "The service cannot store anything right now. Try again.",
        retry_after_s=_RETRY_AFTER_S,
    )


class DatabaseUnavailableMiddleware:
    """Outside DRF too, a database that cannot be reached is a 503 with Retry-After, not a 500."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if is_out_of_reach(error):
            log.error("database_unavailable", error=type(error).__name__)
            return _database_unavailable()
        return None


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem(400, "bad_request", "The request is malformed.")


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem(404, "not_found", "There is nothing here.")


def server_error(request: HttpRequest) -> JsonResponse:
    return problem(500, "internal_error", "Something went wrong on our side; it was reported.")
