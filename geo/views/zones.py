from collections.abc import Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from geo import knowledge, zones
from geo.models import GeoZone, ZoneEvent
from geo.serializers.zones import (
    ShownZoneSerializer,
    ZoneChangesSerializer,
    ZoneEventSerializer,
    ZoneFieldsSerializer,
)
from identity.api.idempotency import replayable
from identity.api.openapi import ETAG, IDEMPOTENCY_KEY, IF_MATCH, PIN, PIN_HEADER, problems
from identity.api.requests import if_match, parse, person
from identity.pins.protection import proved
from messaging.database import clock

_STALE = "`precondition_failed`: the zone was changed meanwhile"


class ZonesView(generics.GenericAPIView[Any]):
    serializer_class = ShownZoneSerializer

    @extend_schema(operation_id="geozones_list", responses=ShownZoneSerializer(many=True), tags=["geozones"])
    def get(self, request: Request) -> Response:
        """The person's zones, newest first, each with whether the person is inside."""
        page = self.paginate_queryset(GeoZone.objects.filter(owner=person(request))) or []
        return self.get_paginated_response(_with_presence(page))

    @extend_schema(
        operation_id="geozones_create",
        request=ZoneFieldsSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: ShownZoneSerializer}
        | problems(s400="", s409="`too_many_zones`", s422="`idempotency_key_reused`"),
        tags=["geozones"],
    )
    @replayable
    def post(self, request: Request) -> Response:
        """Add a zone. The first fixes say whether the person is inside at the beginning, and cause no event: only a
        later change is an event.
        """
        fields = parse(ZoneFieldsSerializer, request)
        zone = zones.add(person_id=person(request).id, fields=fields, now=clock.now())
        return _shown(zone, status.HTTP_201_CREATED)


class ZoneView(APIView):
    @extend_schema(
        operation_id="geozones_retrieve",
        parameters=[ETAG],
        responses={200: ShownZoneSerializer} | problems(s404=""),
        tags=["geozones"],
    )
    def get(self, request: Request, zone_id: UUID) -> Response:
        return _shown(zones.zone_of_person(person_id=person(request).id, zone_id=zone_id))

    @extend_schema(
        operation_id="geozones_change",
        request=ZoneChangesSerializer,
        parameters=[IF_MATCH, ETAG, PIN_HEADER],
        responses={200: ShownZoneSerializer} | problems(s400="", s403=PIN, s404="", s412=_STALE),
        tags=["geozones"],
    )
    def patch(self, request: Request, zone_id: UUID) -> Response:
        """Change some fields; a circle is changed as a whole. After a move the person's presence is unknown until the
        next fixes.

        A change needs a PIN, once PINs are set, unless it only tells contacts of more or changes the name or type.
        """
        changes = parse(ZoneChangesSerializer, request, partial=True)
        with proved(request, f"zone {zone_id}") as proof:
            zone = zones.change(
                person_id=person(request).id,
                zone_id=zone_id,
                changes=changes,
                if_match=if_match(request),
                proof=proof,
                now=clock.now(),
            )
            return _shown(zone)

    @extend_schema(
        operation_id="geozones_delete",
        parameters=[IF_MATCH, PIN_HEADER],
        responses={204: None} | problems(s403=PIN, s404="", s412=_STALE),
        tags=["geozones"],
    )
    def delete(self, request: Request, zone_id: UUID) -> Response:
        """Remove a zone. Its events stay for as many days as fixes are kept."""
        with proved(request, f"zone {zone_id}") as proof:
            zones.remove(person_id=person(request).id, zone_id=zone_id, if_match=if_match(request), proof=proof)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ZoneEventsView(generics.GenericAPIView[Any]):
    serializer_class = ZoneEventSerializer

    @extend_schema(
        operation_id="geozones_events",
        responses={200: ZoneEventSerializer(many=True)} | problems(s404=""),
        tags=["geozones"],
    )
    def get(self, request: Request, zone_id: UUID) -> Response:
        """When the person entered and left, newest first, with the facts that decided it. Also for a removed zone."""
        page = self.paginate_queryset(zones.events_in(person_id=person(request).id, zone_id=zone_id)) or []
        return self.get_paginated_response(ZoneEventSerializer(page, many=True).data)


class AllEventsView(generics.GenericAPIView[Any]):
    serializer_class = ZoneEventSerializer

    @extend_schema(operation_id="geozones_all_events", responses=ZoneEventSerializer(many=True), tags=["geozones"])
    def get(self, request: Request) -> Response:
        """The events of all zones, newest first. Removed zones are included."""
        page = self.paginate_queryset(ZoneEvent.objects.filter(owner=person(request))) or []
        return self.get_paginated_response(ZoneEventSerializer(page, many=True).data)


def _shown(zone: GeoZone, code: int = status.HTTP_200_OK) -> Response:
    return Response(_with_presence([zone])[0], status=code, headers={"ETag": zones.etag_of(zone)})


def _with_presence(shown: Sequence[GeoZone]) -> Any:
    """These zones of one person as JSON, each with the person's presence in it."""
    presences = knowledge.known_presences(shown, person_id=shown[0].owner_id) if shown else {}
    return ShownZoneSerializer(shown, many=True, context={"presences": presences}).data
