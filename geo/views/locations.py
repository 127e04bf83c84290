from datetime import timedelta

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from geo import history, policy, tracking
from geo.history import Cursor
from geo.parsing import UploadParser
from geo.serializers import locations as serializers
from geo.serializers.uploads import BatchSerializer, SingleFixSerializer
from geo.views import uploads
from identity.api import person_limits
from identity.api.openapi import problems
from identity.api.requests import person
from messaging.database import clock


class LocationsView(APIView):
    limit = person_limits.FIXES
    read_limit = person_limits.PAGES
    parser_classes = [UploadParser]
    body_limit = policy.MAX_BODY

    @extend_schema(
        operation_id="locations_list",
        parameters=[serializers.WantedPageSerializer],
        responses={200: serializers.PageSerializer} | problems(s400="", s404="The cursor is invalid."),
        tags=["locations"],
    )
    def get(self, request: Request) -> Response:
        """The person's fixes, newest first. Follow `next` until it is null."""
        query = serializers.WantedPageSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        wanted = history.shown(asked["wanted"], now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))
        fixes, following = history.page(
            wanted,
            owner_id=person(request).id,
            after=Cursor.decoded(asked["cursor"]) if "cursor" in asked else None,
            size=asked["page_size"],
        )
        here = request.build_absolute_uri()
        url = replace_query_param(here, "cursor", following.encoded) if following else None
        return Response({"next": url, "results": serializers.FixSerializer(fixes, many=True).data})

    @extend_schema(
        operation_id="locations_create",
        request=SingleFixSerializer,
        parameters=[uploads.GZIP],
        responses=uploads.SINGLE_ANSWERS,
        tags=["locations"],
    )
    def post(self, request: Request) -> Response:
        """Send one fix. With an `id`, repeating it is harmless. Send several fixes as a batch."""
        upload = tracking.take(uploads.single(request), owner_id=person(request).id, now=clock.now())
        return uploads.answer_single(upload)


class LocationBatchView(APIView):
    limit = person_limits.BATCHES
    parser_classes = [UploadParser]
    body_limit = policy.MAX_BODY

    @extend_schema(
        operation_id="locations_batch_create",
        request=BatchSerializer,
        parameters=[uploads.GZIP],
        responses=uploads.BATCH_ANSWERS,
        tags=["locations"],
    )
    def post(self, request: Request) -> Response:
        """Send up to 1,000 fixes, in any order. The response names wrong fixes; the others are stored.

        With ids, repeating is harmless.
        """
        return uploads.answer(tracking.take(uploads.batch(request), owner_id=person(request).id, now=clock.now()))


class LatestLocationView(APIView):
    @extend_schema(
        operation_id="locations_latest",
        responses={200: serializers.FixSerializer} | problems(s404="The person has no fix."),
        tags=["locations"],
    )
    def get(self, request: Request) -> Response:
        """The person's last fix by the time of the fix, not of its arrival."""
        kept_for = timedelta(days=settings.LOCATION_DAYS)
        fix = history.latest(owner_id=person(request).id, now=clock.now(), kept_for=kept_for)
        if fix is None:
            raise NotFound
        return Response(serializers.FixSerializer(fix).data)
