from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer
from rest_framework.views import APIView

from alerts.models import AlertStatus, SosAlert
from alerts.owner import even_timing, reach, view
from alerts.polling import IF_NONE_MATCH, conditional
from alerts.sos import body, drills, ending, false_alarms, intake, raising, silent
from alerts.sos.intake import Intake
from alerts.sos.parsing import PressParser
from alerts.sos.raising import Cause
from alerts.sos.serializers import (
    EndSerializer,
    FalseAlarmsSerializer,
    PressedAlertSerializer,
    PressSerializer,
    SosAlertSerializer,
    WhichSerializer,
)
from geo import clocks
from identity.api import person_limits
from identity.api.idempotency import is_odd, never_refused
from identity.api.openapi import ETAG, IDEMPOTENCY_KEY, problems
from identity.api.requests import parse, person
from identity.models import Device, User
from identity.pins import even_timing as pin_timing
from identity.sessions.authentication import OpenToDevices, is_by_device
from messaging.database import clock

_DRILL = OpenApiParameter(
    "drill", bool, description="`true` marks a drill in case the body is lost. `drill: false` in the body overrules it."
)
_KEY_ODD = "idempotency_key_odd: Idempotency-Key should be 1 to 100 printable ASCII characters without spaces"
_NOT_FOUND = problems(s404="The person has no such alert.")
_ENDED = (
    {200: SosAlertSerializer}
    | _NOT_FOUND
    | problems(
        s403="Once PINs are set: `pin_required`; `pin_wrong`; `pin_locked`, after too many wrong ones: Retry-After says"
        " for how long. The alert goes on.",
        s409="`move_refused`: it has ended in the other way.",
        s429="`too_many_requests`: Retry-After says when. The alert goes on.",
        s503="`ends_busy`: too many people end alerts at this moment. Retry-After says when to try again.",
    )
)


def _response(
    alert: SosAlert, user: User, *, warnings: tuple[str, ...] = (), status_code: int = status.HTTP_200_OK
) -> Response:
    told = reach.report(alert, language=user.language, warnings=warnings)
    return Response(SosAlertSerializer(told).data, status=status_code)


def _is_hidden(request: Request) -> bool:
    """Whether the SOS credential of a kept device makes the request: the owner's other devices show that device as
    revoked since the duress PIN.
    """
    return isinstance(request.auth, Device) and request.auth.is_kept


def _press_silently(owner: User, press: Intake, *, now: datetime) -> Response:
    cause = silent.Cause(owner=owner, place=press.place, address=press.address)
    alert, is_new = silent.press(cause, now=now)
    data = {"id": alert.id, "status": alert.status, "created_at": alert.created_at, "warnings": press.warnings}
    return Response(data, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


def _of_press(response: Response) -> dict[str, Any]:
    """The part of the response that the SOS credential alone may read: no name, no number, no position."""
    return {name: response.data[name] for name in PressedAlertSerializer.ALWAYS}


def _read(request: Request, *, now: datetime) -> Intake:
    press = intake.read(
        request.data,
        now=now,
        is_marked_drill=body.marks_drill(request.META.get("QUERY_STRING", "")),
        clock_behind=lambda: clocks.last_measured(person(request).id),
    )
    return replace(press, warnings=(*press.warnings, _KEY_ODD)) if is_odd(request) else press


def _cause(press: Intake, owner: User) -> Cause:
    return Cause(owner=owner, place=press.place, address=press.address, battery_pct=press.battery_pct)


def _press_again(request: Request, stored: Any) -> Response | None:
    """The response to a press whose Idempotency-Key came before with another body (other times, another position).

    `stored` is the body of the response to the first press. None: treat this one as a new press.
    """
    owner, now = person(request), clock.now()
    press = _read(request, now=now)
    alert_id = stored.get("id") if isinstance(stored, dict) else None
    if alert_id is None or _is_hidden(request):
        return None
    alert = raising.repeat(_cause(press, owner), alert_id=UUID(alert_id), is_drill=press.is_drill, now=now)
    if alert is None:
        return None
    with even_timing.of_ended(alert):
        return _response(alert, owner, warnings=press.warnings)


class AlertsView(OpenToDevices, generics.GenericAPIView[Any]):
    serializer_class = SosAlertSerializer
    parser_classes = [PressParser]
    never_limited = ("POST",)

    @extend_schema(
        operation_id="sos_alerts_list",
        parameters=[WhichSerializer],
        responses=SosAlertSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The person's alerts, newest first."""
        which = WhichSerializer(data=request.query_params)
        which.is_valid(raise_exception=True)
        user = person(request)
        found = [view.has_status(status) for status in which.validated_data.values()]
        page = self.paginate_queryset(view.owned_by(user).filter(*found)) or []
        with even_timing.of_ended(*page):
            told = reach.reports(page, language=user.language)
            return self.get_paginated_response(ListSerializer(told, child=SosAlertSerializer()).data)

    @extend_schema(
        operation_id="sos_alerts_create",
        request=PressSerializer,
        parameters=[IDEMPOTENCY_KEY, _DRILL],
        responses={
            201: OpenApiResponse(
                PressedAlertSerializer, description="A new alert. A message to every contact is queued."
            ),
            200: OpenApiResponse(
                PressedAlertSerializer,
                description="The alert that was already open. Nobody is told twice. An open alert that was"
                " acknowledged more than an hour ago becomes `exhausted`, and a new one is raised. Also the answer to a"
                " retry whose body has changed since its Idempotency-Key came first: the alert as it stands.",
            ),
        }
        | problems(
            s409="Only to a drill: `sos_is_open`.",
            s401="No valid access token or SOS credential. `credential_invalid`: the credential is wrong or revoked.",
            s429="Only to a drill: `too_many_requests`, beyond five a day.",
        ),
    )
    def post(self, request: Request) -> Response:
        """Raise an SOS. It needs neither a position nor contacts.

        No fault of the body refuses an SOS: a wrong field, or a body that cannot be read, is left out, and `warnings`
        says so. Unknown fields are ignored. Content-Type does not matter; the body may be gzip.

        With `drill: true` the alert is a drill: contacts get an SMS marked TEST, and nobody is called. A drill ends by
        itself after 15 minutes. A real press ends it at once, silently. `drill-report/` tells which TEST arrived. Send
        drills to `sos-alerts/?drill=true` as well: a proxy or server may lose a body, and an SOS without a body is a
        real one.

        Send the SOS credential of the device (`me/devices/`) as `X-SOS-Credential` too. The SOS is then taken even when
        the access token has expired, and the response holds only `id`, `status`, `created_at` and `warnings`.
        """
        response = self._press(request)
        return Response(_of_press(response), response.status_code) if is_by_device(request) else response

    @never_refused(again=_press_again)
    def _press(self, request: Request) -> Response:
        owner, now = person(request), clock.now()
        press = _read(request, now=now)
        if _is_hidden(request):
            return _press_silently(owner, press, now=now)
        if press.is_drill:
            raised = drills.begin(owner=owner, press=press, now=now)
        else:
            [raised] = raising.raise_alerts([_cause(press, owner)], now=now)
        code = status.HTTP_201_CREATED if raised.is_new else status.HTTP_200_OK
        return _response(raised.alert, owner, warnings=press.warnings, status_code=code)


class FalseAlarmsView(APIView):
    @extend_schema(operation_id="sos_alerts_false_alarms", responses=FalseAlarmsSerializer)
    def get(self, request: Request) -> Response:
        """The number of alerts that the person has cancelled. Drills do not count.

        Contacts who are called in vain too often stop coming.
        """
        return Response({"false_alarms": false_alarms.shown_to(person(request))})


class AlertView(APIView):
    @extend_schema(
        operation_id="sos_alerts_retrieve",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: SosAlertSerializer, 304: OpenApiResponse(description="Nothing changed.")} | _NOT_FOUND,
    )
    def get(self, request: Request, alert_id: UUID) -> HttpResponse:
        """The alert, with the status of every SMS and call to each contact. Poll it with the ETag as If-None-Match."""
        user = person(request)
        alert = get_object_or_404(view.owned_by(user), id=alert_id)
        with even_timing.of_ended(alert):
            return conditional(request, _response(alert, user))


class _EndView(APIView):
    limit = person_limits.ENDS
    to: AlertStatus

    def _end(self, request: Request, alert_id: UUID) -> Response:
        user, pin = person(request), parse(EndSerializer, request)["pin"] or ""
        if pin:
            ending.require_own(alert_id, owner=user)  # Nobody waits for an alert that is not theirs.
        with pin_timing.in_steps(bool(pin)):
            return _response(ending.end(alert_id=alert_id, owner=user, to=self.to, pin=pin), user)


class CancelView(_EndView):
    to = AlertStatus.CANCELLED

    @extend_schema(operation_id="sos_alerts_cancel", request=EndSerializer, responses=_ENDED)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """A false alarm: cancel unsent messages and tell every contact who was told. Repeats are harmless."""
        return self._end(request, alert_id)


class ResolveView(_EndView):
    to = AlertStatus.RESOLVED

    @extend_schema(operation_id="sos_alerts_resolve", request=EndSerializer, responses=_ENDED)
    def post(self, request: Request, alert_id: UUID) -> Response:
        """The person is safe: every contact who was told gets the all-clear. Repeats are harmless."""
        return self._end(request, alert_id)
