"""Checks each webhook request of Twilio before any other code reads it: its size, its form and its signature."""

from http import HTTPStatus

import structlog
from django.conf import settings
from django.http import HttpRequest, QueryDict
from twilio.request_validator import RequestValidator

log = structlog.get_logger(__name__)

MAX_BODY = 16 * 1024


def signed_form(request: HttpRequest) -> dict[str, str] | HTTPStatus:
    """The form of a request that our account signed; otherwise the HTTP status of the refusal.

    400: unreadable. 403: not signed by our account. 413: more than MAX_BODY bytes.
    """
    form = _form(request)
    if isinstance(form, HTTPStatus) or _is_signed(request, form):
        return form
    log.warning("webhook_signature_wrong", route=request.resolver_match.view_name if request.resolver_match else "")
    return HTTPStatus.FORBIDDEN


def _form(request: HttpRequest) -> dict[str, str] | HTTPStatus:
    if request.content_type != "application/x-www-form-urlencoded":
        return HTTPStatus.BAD_REQUEST
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        form = QueryDict(body, encoding="utf-8").dict()
    except (UnicodeDecodeError, ValueError):
        return HTTPStatus.BAD_REQUEST
    # PostgreSQL stores no NUL. For too many fields Django itself responds with 400 (TooManyFieldsSent).
    return HTTPStatus.BAD_REQUEST if any("\0" in str(value) for value in form.values()) else form


def _is_signed(request: HttpRequest, form: dict[str, str]) -> bool:
    """Whether Twilio signed this form for our account.

    Twilio signs the public URL. A proxy may have changed the request's host, so the URL begins with PUBLIC_BASE_URL.
    """
    url = settings.PUBLIC_BASE_URL + request.get_full_path()
    signature = request.headers.get("X-Twilio-Signature", "")
    tokens = (settings.TWILIO_AUTH_TOKEN, *settings.TWILIO_AUTH_TOKEN_FALLBACKS)
    return any(RequestValidator(token).validate(url, form, signature) for token in tokens) and (
        form.get("AccountSid", settings.TWILIO_ACCOUNT_SID) == settings.TWILIO_ACCOUNT_SID
    )
