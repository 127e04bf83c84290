from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response, patch_cache_control
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts import chain
from alerts.models import SosAlert
from alerts.serializers.timeline import TimelineSerializer
from identity.openapi import ETAG, problems
from identity.requests import person

_IF_NONE_MATCH = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The last ETag.")


class TimelineView(APIView):
    @extend_schema(
        operation_id="sos_alerts_timeline",
        parameters=[_IF_NONE_MATCH, ETAG],
        responses={200: TimelineSerializer, 304: OpenApiResponse(description="Nothing changed.")}
        | problems(s404="The person has no such alert."),
    )
    def get(self, request: Request, alert_id: UUID) -> HttpResponse:
        """Every step of the alert with its time, as a chain of hashes: whoever keeps `head` can tell later whether what
        came before it was altered."""
        owned = SosAlert.objects.filter(owner=person(request)).select_related("feigned_end")
        entries = chain.shown_to_owner(get_object_or_404(owned, id=alert_id))
        head = entries[-1].hash if entries else chain.START
        response = Response(TimelineSerializer({"entries": entries, "head": head}).data)
        etag = f'"{head[:32]}"'
        response["ETag"] = etag
        patch_cache_control(response, private=True, no_cache=True)
        return get_conditional_response(request, etag=etag, response=response) or response
