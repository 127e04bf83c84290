from functools import lru_cache
from http import HTTPStatus
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from twilio.twiml.messaging_response import MessagingResponse

from messaging.database import clock
from messaging.models import Deliverer
from messaging.numbers import is_e164
from messaging.outbox import optouts
from messaging.providers.twilio import MESSAGE
from messaging.reports import delivery_reports
from messaging.webhooks.signature import signed_form

log = structlog.get_logger(__name__)


@lru_cache(maxsize=100)
def _note_unknown(noun: str, status: str) -> None:
    """Log a status that our table of Twilio's statuses does not have: once for each status in each process."""
    log.warning("twilio_status_unknown", noun=noun, status=status[:20])


@method_decorator(csrf_exempt, name="dispatch")
class TwilioStatusView(View):
    """Takes Twilio's status callback of an SMS. The URL names the attempt; the signature covers the URL and the body.

    204: applied, known already, or a status that we do not know yet. 400: unreadable. 403: not signed by our account.
    404: no such attempt. 413: more than 16 KB.
    """

    http_method_names = ["post"]
    # The resource that Twilio reports on.
    resource = MESSAGE

    def post(self, request: HttpRequest, attempt_id: UUID) -> HttpResponse:
        form = signed_form(request)
        if isinstance(form, HTTPStatus):
            return HttpResponse(status=form)
        status, sid = form.get(f"{self.resource.noun}Status", ""), form.get(f"{self.resource.noun}Sid", "")
        if not status or not sid:
            return HttpResponse(status=HTTPStatus.BAD_REQUEST)
        if status not in self.resource.statuses:
            _note_unknown(self.resource.noun, status)
            return HttpResponse(status=HTTPStatus.NO_CONTENT)
        outcome = self.resource.reported(status, form.get("ErrorCode", "")[:40], sid[:34])
        try:
            delivery_reports.apply_report(attempt_id, outcome, by=Deliverer.CALLBACK)
        except delivery_reports.UnknownAttempt:
            return HttpResponse(status=HTTPStatus.NOT_FOUND)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


@method_decorator(csrf_exempt, name="dispatch")
class TwilioInboundView(View):
    """Takes an SMS to one of our numbers: STOP, START and HELP, and the Cyrillic words for them. Ignores other texts.

    200: TwiML, with a reply to the Cyrillic words, to which Twilio does not reply. 400, 403 and 413 as for the status
    callback.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        form = signed_form(request)
        if isinstance(form, HTTPStatus):
            return HttpResponse(status=form)
        address = form.get("From", "")
        if not is_e164(address):
            return HttpResponse(status=HTTPStatus.BAD_REQUEST)
        answer = optouts.take_word(address, form.get("OptOutType") or form.get("Body", ""), now=clock.now())
        reply = MessagingResponse()
        if answer and "OptOutType" not in form:
            reply.message(answer)
        return HttpResponse(str(reply), content_type="text/xml")
