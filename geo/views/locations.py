from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from geo import history, policy, reading, tracking
from geo.history import Place
from geo.parsing import UploadParser
from geo.serializers import locations as serializers
from identity.openapi import problems
from identity.requests import person
from messaging import clock

_GZIP = OpenApiParameter(
    "Content-Encoding", str, OpenApiParameter.HEADER, enum=["gzip", "identity"], description="The body may be gzip."
)
_TOO_LARGE = problems(s400="", s413="`body_too_large`: larger than 512 KB, unpacked too.")


class TooManyFixes(APIException):
    status_code = 413
    default_code = "too_many_fixes"
    default_detail = f"A batch has at most {policy.MAX_BATCH} fixes."


class LocationsView(APIView):
    parser_classes = [UploadParser]

    @extend_schema(
        operation_id="locations_list",
        parameters=[serializers.WantedPageSerializer],
        responses={200: serializers.PageSerializer} | problems(s400="", s404="The cursor is none."),
        tags=["locations"],
    )
    def get(self, request: Request) -> Response:
        """Where the person was, newest first: follow `next` until it is null."""
        query = serializers.WantedPageSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        wanted = history.shown(asked["wanted"], now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))
        fixes, following = history.page(
            wanted,
            owner_id=person(request).id,
            after=Place.of(asked["cursor"]) if "cursor" in asked else None,
            size=asked["page_size"],
        )
        here = request.build_absolute_uri()
        url = replace_query_param(here, "cursor", following.cursor) if following else None
        return Response({"next": url, "results": serializers.FixSerializer(fixes, many=True).data})

    @extend_schema(
        operation_id="locations_create",
        request=serializers.SingleFixSerializer,
        parameters=[_GZIP],
        responses={
            201: serializers.UploadSerializer,
            200: OpenApiResponse(serializers.UploadSerializer, description="It was stored before."),
        }
        | _TOO_LARGE,
        tags=["locations"],
    )
    def post(self, request: Request) -> Response:
        """One fix. Repeating it is harmless: give it an `id`. Several at once belong into a batch."""
        body = _object(request)
        now = clock.now()
        item = body if body.get("recorded_at") else {**body, "recorded_at": now.isoformat()}
        upload = tracking.take([item], owner_id=person(request).id, sent_at=_sent_at(body), now=now)
        for refused in upload.refused:
            raise ValidationError({refused.field or "non_field_errors": [refused.code]}, code=refused.code)
        return _stored(upload)


class LocationBatchView(APIView):
    parser_classes = [UploadParser]

    @extend_schema(
        operation_id="locations_batch_create",
        request=serializers.BatchSerializer,
        parameters=[_GZIP],
        responses={
            201: serializers.UploadSerializer,
            200: OpenApiResponse(serializers.UploadSerializer, description="Nothing in it was new."),
        }
        | _TOO_LARGE,
        tags=["locations"],
    )
    def post(self, request: Request) -> Response:
        """Up to 1,000 fixes, in any order. Those that are wrong are named, and cost the others nothing. Repeating is
        harmless: each fix has its `id`."""
        body = _object(request)
        fixes = body.get("fixes")
        if not isinstance(fixes, list):
            raise ValidationError({"fixes": ["This must be a list."]})
        if len(fixes) > policy.MAX_BATCH:
            raise TooManyFixes
        owner_id = person(request).id
        return _stored(tracking.take(fixes, owner_id=owner_id, sent_at=_sent_at(body), now=clock.now()))


class LatestLocationView(APIView):
    @extend_schema(
        operation_id="locations_latest",
        responses={200: serializers.FixSerializer} | problems(s404="There is none."),
        tags=["locations"],
    )
    def get(self, request: Request) -> Response:
        """Where the person was last, by the time of the fix."""
        fix = history.latest(owner_id=person(request).id)
        if fix is None:
            raise NotFound
        return Response(serializers.FixSerializer(fix).data)


def _stored(upload: tracking.Upload) -> Response:
    code = status.HTTP_201_CREATED if upload.stored else status.HTTP_200_OK
    return Response(serializers.UploadSerializer(upload).data, status=code)


def _object(request: Request) -> Mapping[str, Any]:
    if not isinstance(request.data, Mapping):
        raise ValidationError("The body must be an object.")
    return request.data


def _sent_at(body: Mapping[str, Any]) -> Any:
    if body.get("sent_at") is None:
        return None
    try:
        return reading.moment(body["sent_at"], "sent_at")
    except reading.Refused as error:
        raise ValidationError({"sent_at": [error.code]}, code=error.code) from error
