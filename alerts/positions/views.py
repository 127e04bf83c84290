from datetime import timedelta
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer

from alerts.owner import even_timing, view
from alerts.positions import track
from alerts.positions.serializers import PositionSerializer
from geo import policy
from geo.parsing import UploadParser
from geo.reading import Sent
from geo.serializers.uploads import BatchSerializer, SingleFixSerializer
from geo.tracking import Upload
from geo.views import uploads
from identity.api import person_limits, rates
from identity.api.openapi import problems
from identity.api.rates import Limit
from identity.api.requests import person
from identity.errors import Conflict
from identity.sessions.authentication import OpenToDevices
from messaging.database import clock

# A phone sends a fix every few seconds, and batches after a gap in the network. An app that sends more is broken.
POSTS = Limit(scope="alert positions", times=120, window=timedelta(minutes=1))
_REFUSALS = problems(
    s404="The person has no such alert.",
    s409="`alert_ended`: the alert has ended, and every position is from after its end.",
    s429="`too_many_requests`: Retry-After says when.",
)


class AlertEnded(Conflict):
    code = "alert_ended"
    detail = "The alert has ended. Positions from before its end are still taken."


class LocationsView(OpenToDevices, generics.GenericAPIView[Any]):
    # POSTS limits it.
    never_limited = ("POST",)
    serializer_class = PositionSerializer
    parser_classes = [UploadParser]
    body_limit = policy.MAX_BODY

    @extend_schema(operation_id="sos_alert_locations_list", responses=PositionSerializer(many=True))
    def get(self, request: Request, alert_id: UUID) -> Response:
        """The positions during an alert, in order of arrival, the latest first. `recorded_at` is the fix's time."""
        alert = get_object_or_404(view.owned_by(person(request)), id=alert_id)
        with even_timing.of_ended(alert):
            page = self.paginate_queryset(view.positions_shown(alert)) or []
            return self.get_paginated_response(ListSerializer(page, child=PositionSerializer()).data)

    @extend_schema(
        operation_id="sos_alert_locations_create",
        request=SingleFixSerializer,
        parameters=[uploads.GZIP],
        responses=uploads.SINGLE_ANSWERS | _REFUSALS,
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Send one position during an alert. The newest by the time of the fix becomes the alert's position.

        Sending a fix again changes nothing, so a phone that lost the response repeats the request. No Idempotency-Key
        is needed. After the end of an alert, positions from before its end are still accepted. The SOS credential of a
        device (`X-SOS-Credential`) is enough to send them.
        """
        return uploads.answer_single(_add(request, alert_id, uploads.single(request)))


class LocationBatchView(OpenToDevices):
    limit = person_limits.ALERT_BATCHES
    parser_classes = [UploadParser]
    body_limit = policy.MAX_BODY

    @extend_schema(
        operation_id="sos_alert_locations_batch_create",
        request=BatchSerializer,
        parameters=[uploads.GZIP],
        responses=uploads.BATCH_ANSWERS | _REFUSALS,
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        """Send up to 1,000 positions during an alert, in any order. The response names wrong ones; the others are
        stored.

        Repeating is harmless. An SOS credential is enough.
        """
        return uploads.answer(_add(request, alert_id, uploads.batch(request)))


def _add(request: Request, alert_id: UUID, sent: Sent) -> Upload:
    """Store the fixes of a request; return the result. Raises AlertEnded, NotFound or TooManyRequests."""
    user = person(request)
    rates.spend(POSTS, str(user.id), now=clock.now())
    alert = get_object_or_404(view.owned_by(user), id=alert_id)
    with even_timing.of_ended(alert):
        upload = track.add(alert_id=alert_id, owner=user, sent=sent)
    if track.is_all_after_end(upload):
        raise AlertEnded
    return upload
