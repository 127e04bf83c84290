from http import HTTPStatus
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from twilio.request_validator import RequestValidator

from messaging import evidence
from messaging.models import Deliverer
from messaging.providers.twilio import STATUSES, reported

log = structlog.get_logger(__name__)

MAX_BODY = 16 * 1024


@method_decorator(csrf_exempt, name="dispatch")
class TwilioStatusView(View):
    """Twilio's status callback. The URL names the attempt, the signature covers URL and body.

    204: taken, or known already. 400: unreadable. 403: not signed by our account. 404: no such attempt.
    413: more than 16 KB.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest, attempt_id: UUID) -> HttpResponse:
        form = _form(request)
        if isinstance(form, HTTPStatus):
            return HttpResponse(status=form)
        if not _is_signed(request, form):
            log.warning("webhook_signature_wrong", attempt_id=str(attempt_id))
            return HttpResponse(status=HTTPStatus.FORBIDDEN)
        status = form.get("MessageStatus", "")
        if status not in STATUSES or not form.get("MessageSid", ""):
            return HttpResponse(status=HTTPStatus.BAD_REQUEST)
        outcome = reported(status, code=form.get("ErrorCode", "")[:40], provider_id=form["MessageSid"][:34])
        try:
            evidence.learn(attempt_id, outcome, by=Deliverer.CALLBACK)
        except evidence.UnknownAttempt:
            return HttpResponse(status=HTTPStatus.NOT_FOUND)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


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
    # PostgreSQL stores no NUL; TooManyFieldsSent (a SuspiciousOperation) is Django's own 400.
    return HTTPStatus.BAD_REQUEST if any("\0" in str(value) for value in form.values()) else form


def _is_signed(request: HttpRequest, form: dict[str, str]) -> bool:
    """Twilio signs the public URL, which behind a proxy is not the one we were asked by."""
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    url = settings.PUBLIC_BASE_URL + request.get_full_path()
    signature = request.headers.get("X-Twilio-Signature", "")
    return bool(validator.validate(url, form, signature)) and (
        form.get("AccountSid", settings.TWILIO_ACCOUNT_SID) == settings.TWILIO_ACCOUNT_SID
    )
