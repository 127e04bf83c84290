from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import generics
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer

from alerts import fixes, owner_view, positions
from alerts.models import SosAlert
from alerts.serializers.positions import (
    FixesSerializer,
    OneFixSerializer,
    PositionSerializer,
    PositionsReportSerializer,
)
from identity import rates
from identity.authentication import OpenToDevices
from identity.openapi import problems
from identity.rates import Limit
from identity.requests import person
from messaging import clock

# A phone sends a fix every few seconds, and what it could not send as batches; more is an app gone wild.
POSTS = Limit(scope="alert positions", times=120, window=timedelta(minutes=1))
_SENT = PolymorphicProxySerializer(
    component_name="Locations", serializers=[OneFixSerializer, FixesSerializer], resource_type_field_name=None
)


class AlertEnded(APIException):
    status_code = 409
    default_code = "alert_ended"
    default_detail = "The alert has ended. Positions from before its end are still taken."


class NothingUsable(ParseError):
    default_code = "locations_unusable"
    default_detail = f"Send one position, a list of them, or them as `locations`: 1 to {fixes.MAX_FIXES}."


class LocationsView(OpenToDevices, generics.GenericAPIView[Any]):
    serializer_class = PositionSerializer
    # A thousand fixes with all their details.
    body_limit = 512 * 1024

    @extend_schema(operation_id="sos_alert_locations_list", responses=PositionSerializer(many=True))
    def get(self, request: Request, alert_id: UUID) -> Response:
        """Where the person was during the alert, in order of arrival, the latest first; `recorded_at` says when."""
        alert = get_object_or_404(SosAlert, id=alert_id, owner=person(request))
        page = self.paginate_queryset(owner_view.positions_of(alert)) or []
        return self.get_paginated_response(ListSerializer(page, child=PositionSerializer()).data)

    @extend_schema(
        operation_id="sos_alert_locations_create",
        request=_SENT,
        responses={200: PositionsReportSerializer}
        | problems(
            s400="`locations_unusable`: no position in it, or more than 1,000.",
            s404="The person has no such alert.",
            s409="`alert_ended`: the alert has ended, and every position is from after its end.",
            s413="`body_too_large`: more than 512 KiB.",
            s429="`too_many_requests`: Retry-After says when.",
        ),
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Positions during an alert: one, or up to 1,000 as `locations` or as a list, in any order.

        Sending again what was sent before costs nothing and changes nothing, so a phone that lost the answer repeats
        it; no Idempotency-Key is needed. A position that is wrong is refused by itself and the others are kept: the
        answer says which and why. A wrong detail (accuracy, battery …) is left out. The newest by time of fix becomes
        the alert's position. Positions from during an alert are taken after its end too. The SOS credential of a
        device (`X-SOS-Credential`) is enough to send them.
        """
        sent = _read(request.data)
        user = person(request)
        rates.spend(POSTS, str(user.id), now=clock.now())
        report = positions.add(alert_id=alert_id, owner=user, sent=sent)
        if report.only_after_end:
            raise AlertEnded
        return Response(PositionsReportSerializer(report).data)


def _read(body: object) -> fixes.Sent:
    """Raises NothingUsable when there is nothing to read."""
    sent_at = body.get("sent_at") if isinstance(body, Mapping) else None
    items = body.get("locations", [body]) if isinstance(body, Mapping) else body
    if not isinstance(items, list) or not 1 <= len(items) <= fixes.MAX_FIXES:
        raise NothingUsable
    return fixes.read(items, sent_at=sent_at)
