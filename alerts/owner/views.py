from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from alerts.owner import even_timing, timeline, view
from alerts.owner.serializers import TimelinePageSerializer, WhichEntriesSerializer
from alerts.polling import IF_NONE_MATCH, conditional
from alerts.timeline import chain
from identity.api.openapi import ETAG, problems
from identity.api.requests import person
from messaging.database import clock


class TimelineView(APIView):
    @extend_schema(
        operation_id="sos_alerts_timeline",
        parameters=[IF_NONE_MATCH, ETAG, WhichEntriesSerializer],
        responses={200: TimelinePageSerializer, 304: OpenApiResponse(description="Nothing changed.")}
        | problems(s400="`cursor` or `page_size` is not valid.", s404="The person has no such alert."),
    )
    def get(self, request: Request, alert_id: UUID) -> HttpResponse:
        """Every event of the alert with its time, and every move of its SMS and calls, oldest first, as a chain of
        hashes. A client that keeps `head` can tell later whether an entry up to it was altered."""
        which = WhichEntriesSerializer(data=request.query_params)
        which.is_valid(raise_exception=True)
        alert = get_object_or_404(view.owned_by(person(request)), id=alert_id)
        with even_timing.of_ended(alert):
            entries = timeline.shown(alert, now=clock.now())
            page = _page(request, entries, **which.validated_data)
            return conditional(request, Response(TimelinePageSerializer(page).data))


def _page(request: Request, entries: list[chain.Entry], *, cursor: int, page_size: int) -> dict[str, Any]:
    end = cursor + page_size
    following = replace_query_param(request.build_absolute_uri(), "cursor", end) if end < len(entries) else None
    return {"entries": entries[cursor:end], "head": chain.head(entries), "next": following}
