"""Turns every error into application/problem+json (RFC 9457) with a stable `code`."""

from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from identity import errors
from identity.errors import DomainError
from messaging.database.sql import is_out_of_reach

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
_RETRY_AFTER_S = 2
_WRONG_FIELDS = "Invalid input"
# The status of each kind. An error that knows when to try again also gets the header Retry-After.
STATUS: dict[type[DomainError], int] = {
    errors.Invalid: 400,
    errors.Unproven: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Expired: 410,
    errors.LengthUnknown: 411,
    errors.PreconditionUnmet: 412,
    errors.TooLarge: 413,
    errors.Unsupported: 415,
    errors.Inconsistent: 422,
    errors.InProgress: 423,
    errors.TooMany: 429,
    errors.Damaged: 460,  # tus, Checksum extension.
    errors.Busy: 503,
    errors.OutOfSpace: 507,
}


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """DRF's exception handler: the response to a DomainError, an error of DRF's own, or a database out of reach.

    None for any other error, which becomes a 500. Errors of fields stand in `errors` of the body.
    """
    if is_out_of_reach(error):
        set_rollback()
        return _database_unavailable()
    if isinstance(error, RequestDataTooBig):
        return problem(413, "body_too_large", "The body is too large.")
    if isinstance(error, DomainError):
        set_rollback()
        return _refusal(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    headers = {name: value for name, value in response.items() if name.lower() != "content-type"}
    return Response(_problem(error, response.data), response.status_code, headers=headers, content_type=CONTENT_TYPE)


def status_of(kind: type[DomainError]) -> int:
    """The HTTP status of a kind of DomainError, or of a class that derives from one."""
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def _refusal(error: DomainError) -> Response:
    status_code = status_of(type(error))
    # DRF's catalogues translate "Not found."; the other sentences are in no catalogue.
    title = gettext(type(error).detail)
    detail = title if error.detail == type(error).detail else error.detail
    body = {"type": "about:blank", "status": status_code, "title": title, "code": error.code, "detail": detail}
    if error.errors:
        body |= {"title": _WRONG_FIELDS, "errors": error.errors}
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
    # Extension members (RFC 9457, 3.2): ids a client goes on with.
    return Response({**body, **error.members}, status_code, headers=headers, content_type=CONTENT_TYPE)


def _problem(error: exceptions.APIException, data: Any) -> dict[str, Any]:
    codes = error.get_codes()
    problem: dict[str, Any] = {"type": "about:blank", "status": error.status_code}
    if isinstance(error, exceptions.ValidationError):
        # {message, code} for each error of each field.
        found = error.get_full_details()
        problem |= {"title": _WRONG_FIELDS, "code": errors.InvalidField.code, "detail": errors.InvalidField.detail}
        return problem | {"errors": {"non_field_errors": found} if isinstance(found, list) else found}
    detail = data.get("detail") if isinstance(data, dict) else data
    code = codes if isinstance(codes, str) else error.default_code
    return problem | {"title": str(error.default_detail), "code": code, "detail": str(detail)}


def problem(status_code: int, code: str, detail: str, *, retry_after_s: int | None = None) -> JsonResponse:
    body = {"type": "about:blank", "title": detail, "status": status_code, "code": code, "detail": detail}
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    response = JsonResponse(body, status=status_code, content_type=CONTENT_TYPE, headers=headers)
    # CommonMiddleware does not see the responses of the middleware above it.
    response["Content-Length"] = str(len(response.content))
    return response


def _database_unavailable() -> JsonResponse:
    return problem(
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "The service cannot store anything right now. Try again.",
        retry_after_s=_RETRY_AFTER_S,
    )


class DatabaseUnavailableMiddleware:
    """Responds with 503 and Retry-After, not 500, when a view outside DRF cannot reach the database."""

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
