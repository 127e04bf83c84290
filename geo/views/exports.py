from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from geo import exports, history, policy
from geo.models import Fix
from geo.serializers.locations import WantedSerializer
from identity.api import person_limits
from identity.api.openapi import problems
from identity.api.requests import person
from messaging.database import clock

_WHICH = f"Oldest first, at most {policy.MAX_EXPORT}. For more, use the last fix's time as `since`."


class _ExportView(APIView):
    read_limit = person_limits.HISTORIES
    write: Callable[[Iterable[Fix]], Iterator[str]]
    content_type: str
    file_name: str

    def _export(self, request: Request) -> StreamingHttpResponse:
        query = WantedSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data["wanted"]
        wanted = history.shown(wanted, now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))
        text = type(self).write(history.every(wanted, owner_id=person(request).id))
        headers = {"Content-Disposition": f'attachment; filename="{self.file_name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(text, content_type=self.content_type, headers=headers)


class GpxView(_ExportView):
    write = staticmethod(exports.gpx)
    content_type = "application/gpx+xml"
    file_name = "locations.gpx"

    @extend_schema(
        operation_id="locations_gpx",
        description=_WHICH,
        parameters=[WantedSerializer],
        responses={(200, content_type): OpenApiResponse(OpenApiTypes.STR, description="GPX 1.1")} | problems(s400=""),
        tags=["locations"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        return self._export(request)


class GeoJsonView(_ExportView):
    write = staticmethod(exports.geojson)
    content_type = "application/geo+json"
    file_name = "locations.geojson"

    @extend_schema(
        operation_id="locations_geojson",
        description=_WHICH,
        parameters=[WantedSerializer],
        responses={(200, content_type): OpenApiResponse(OpenApiTypes.OBJECT, description="RFC 7946")}
        | problems(s400=""),
        tags=["locations"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        return self._export(request)
