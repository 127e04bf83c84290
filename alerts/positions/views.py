from datetime import timedelta
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer

from alerts.models import SosAlert
from alerts.owner import view
from alerts.positions import track
from alerts.positions.serializers import PositionSerializer
from geo.parsing import UploadParser
from geo.reading import Sent
from geo.serializers.uploads import BatchSerializer, SingleFixSerializer
from geo.tracking import Upload
from geo.views import uploads
from identity.api import rates
from identity.api.openapi import problems
from identity.api.rates import Limit
from identity.api.requests import person
from identity.sessions.authentication import OpenToDevices
from messaging.database import clock

# A phone sends a fix every few seconds, and what it could not send as batches; more is an app gone wild.
POSTS = Limit(scope="alert positions", times=120, window=timedelta(minutes=1))
_REFUSALS = problems(
    s404="The person has no such alert.",
    s409="`alert_ended`: the alert has ended, and every position is from after its end.",
    s429="`too_many_requests`: Retry-After says when.",
)


class AlertEnded(APIException):
    status_code = 409
    default_code = "alert_ended"
    default_detail = "The alert has ended. Positions from before its end are still taken."


class LocationsView(OpenToDevices, generics.GenericAPIView[Any]):
    serializer_class = PositionSerializer
    parser_classes = [UploadParser]

    @extend_schema(operation_id="sos_alert_locations_list", responses=PositionSerializer(many=True))
    def get(self, request: Request, alert_id: UUID) -> Response:
        """Where the person was during the alert, in order of arrival, the latest first; `recorded_at` says when."""
        alert = get_object_or_404(SosAlert, id=alert_id, owner=person(request))
        page = self.paginate_queryset(view.positions_shown(alert)) or []
        return self.get_paginated_response(ListSerializer(page, child=PositionSerializer()).data)

    @extend_schema(
        operation_id="sos_alert_locations_create",
        request=SingleFixSerializer,
        parameters=[uploads.GZIP],
        responses=uploads.SINGLE_ANSWERS | _REFUSALS,
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """A position during an alert; the newest by time of fix becomes the alert's position.

        Sending again what was sent before costs nothing and changes nothing, so a phone that lost the answer repeats
        it; no Idempotency-Key is needed. Positions from during an alert are taken after its end too. The SOS
        credential of a device (`X-SOS-Credential`) is enough to send them.
        """
        return uploads.answer_single(_add(request, alert_id, uploads.single(request)))


class LocationBatchView(OpenToDevices):
    parser_classes = [UploadParser]

    @extend_schema(
        operation_id="sos_alert_locations_batch_create",
        request=BatchSerializer,
        parameters=[uploads.GZIP],
        responses=uploads.BATCH_ANSWERS | _REFUSALS,
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Up to 1,000 positions during an alert, in any order. Those that are wrong are named, and cost the others
        nothing. Repeating is harmless. An SOS credential is enough."""
        return uploads.answer(_add(request, alert_id, uploads.batch(request)))


def _add(request: Request, alert_id: UUID, sent: Sent) -> Upload:
    """Raises AlertEnded, NotFound or TooManyRequests."""
    user = person(request)
    rates.spend(POSTS, str(user.id), now=clock.now())
    upload = track.add(alert_id=alert_id, owner=user, sent=sent)
    if track.is_all_after_end(upload):
        raise AlertEnded
    return upload
