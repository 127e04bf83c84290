"""Twilio's webhooks of a telephone call."""

import re
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from messaging.providers.twilio_voice import CALL
from messaging.reports import delivery_reports, keypad
from messaging.webhooks.signature import signed_form
from messaging.webhooks.views import TwilioStatusView

_KEY = re.compile(r"[0-9*#]", re.ASCII)


class TwilioCallStatusView(TwilioStatusView):
    """Takes Twilio's status callback of a telephone call. Its HTTP responses are those of TwilioStatusView."""

    resource = CALL


@method_decorator(csrf_exempt, name="dispatch")
class TwilioDigitView(View):
    """Takes a key pressed during a call.

    200: TwiML, which the person hears. 404: no such call. 400, 403 and 413 as for the status callback.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest, attempt_id: UUID) -> HttpResponse:
        form = signed_form(request)
        if isinstance(form, HTTPStatus):
            return HttpResponse(status=form)
        digit, call_sid = form.get("Digits", ""), form.get("CallSid", "")
        if not _KEY.fullmatch(digit) or not call_sid:
            return HttpResponse(status=HTTPStatus.BAD_REQUEST)
        try:
            answer = keypad.press(attempt_id, digit, provider_id=call_sid[:34])
        except delivery_reports.UnknownAttempt:
            return HttpResponse(status=HTTPStatus.NOT_FOUND)
        return HttpResponse(answer, content_type="application/xml")
