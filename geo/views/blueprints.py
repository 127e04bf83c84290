from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from geo import blueprints, zones
from geo.models import Blueprint
from geo.serializers import blueprints as serializers
from identity.api.idempotency import replayable
from identity.api.openapi import ETAG, IDEMPOTENCY_KEY, IF_MATCH, PIN, PIN_HEADER, problems
from identity.api.requests import if_match, parse, person
from identity.pins.pins import Proof
from identity.pins.protection import proved
from messaging.database import clock

_STALE = "`precondition_failed`: the blueprint was changed meanwhile"
_MADE: dict[Any, Any] = {201: serializers.BlueprintSerializer} | problems(
    s400="", s409="`too_many_blueprints`, `too_many_zones`", s422="`idempotency_key_reused`"
)


class BlueprintsView(generics.GenericAPIView[Any]):
    serializer_class = serializers.BlueprintSerializer

    @extend_schema(
        operation_id="blueprints_list", responses=serializers.BlueprintSerializer(many=True), tags=["blueprints"]
    )
    def get(self, request: Request) -> Response:
        """The person's blueprints, newest first."""
        page = self.paginate_queryset(Blueprint.objects.filter(owner=person(request))) or []
        return self.get_paginated_response(serializers.BlueprintSerializer(page, many=True).data)

    @extend_schema(
        operation_id="blueprints_create",
        request=serializers.BlueprintFieldsSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses=_MADE,
        tags=["blueprints"],
    )
    @replayable
    def post(self, request: Request) -> Response:
        """Save a named set of zones as a blueprint. The person's zones stay as they are."""
        asked = parse(serializers.BlueprintFieldsSerializer, request)
        made = blueprints.add(person_id=person(request).id, name=asked["name"], wanted=asked["zones"], now=clock.now())
        return _shown(made, status.HTTP_201_CREATED)


class FromCurrentView(APIView):
    @extend_schema(
        operation_id="blueprints_create_from_current",
        request=serializers.FromCurrentSerializer,
        parameters=[IDEMPOTENCY_KEY],
        responses=_MADE,
        tags=["blueprints"],
    )
    @replayable
    def post(self, request: Request) -> Response:
        """Save the person's present zones as a blueprint with this name."""
        name = parse(serializers.FromCurrentSerializer, request)["name"]
        made = blueprints.add_from_current(person_id=person(request).id, name=name, now=clock.now())
        return _shown(made, status.HTTP_201_CREATED)


class BlueprintView(APIView):
    @extend_schema(
        operation_id="blueprints_retrieve",
        parameters=[ETAG],
        responses={200: serializers.BlueprintSerializer} | problems(s404=""),
        tags=["blueprints"],
    )
    def get(self, request: Request, blueprint_id: UUID) -> Response:
        return _shown(blueprints.blueprint_of_person(person_id=person(request).id, blueprint_id=blueprint_id))

    @extend_schema(
        operation_id="blueprints_change",
        request=serializers.BlueprintFieldsSerializer,
        parameters=[IF_MATCH, ETAG],
        responses={200: serializers.BlueprintSerializer}
        | problems(s400="", s404="", s409="`too_many_zones`", s412=_STALE),
        tags=["blueprints"],
    )
    def patch(self, request: Request, blueprint_id: UUID) -> Response:
        """Change the name, or all zones of the blueprint."""
        changed = blueprints.change(
            person_id=person(request).id,
            blueprint_id=blueprint_id,
            changes=parse(serializers.BlueprintFieldsSerializer, request, partial=True),
            if_match=if_match(request),
            now=clock.now(),
        )
        return _shown(changed)

    @extend_schema(
        operation_id="blueprints_delete",
        parameters=[IF_MATCH],
        responses={204: None} | problems(s404="", s412=_STALE),
        tags=["blueprints"],
    )
    def delete(self, request: Request, blueprint_id: UUID) -> Response:
        """Delete the blueprint. The person's zones stay."""
        blueprints.remove(person_id=person(request).id, blueprint_id=blueprint_id, if_match=if_match(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApplyView(APIView):
    @extend_schema(
        operation_id="blueprints_apply",
        request=serializers.ApplySerializer,
        parameters=[IDEMPOTENCY_KEY, PIN_HEADER],
        responses={200: serializers.ReportSerializer}
        | problems(s400="", s403=PIN, s404="", s409="`too_many_zones`", s422="`idempotency_key_reused`"),
        tags=["blueprints"],
    )
    def post(self, request: Request, blueprint_id: UUID) -> Response:
        """Make the person's zones equal to the blueprint's: all of it or nothing. Zones it does not name are removed.

        It needs a PIN, once PINs are set, if contacts may be told of less.
        """
        with proved(request, f"blueprint {blueprint_id}") as proof:
            return self._apply(request, blueprint_id, proof)

    @replayable
    def _apply(self, request: Request, blueprint_id: UUID, proof: Proof) -> Response:
        is_dry_run = parse(serializers.ApplySerializer, request)["dry_run"]
        report = blueprints.apply(
            person_id=person(request).id,
            blueprint_id=blueprint_id,
            is_dry_run=is_dry_run,
            proof=proof,
            now=clock.now(),
        )
        shown: Any = {
            "added": report.added,
            "changed": report.changed,
            "removed": report.removed,
            "unchanged": report.unchanged,
            "dry_run": is_dry_run,
        }
        return Response(serializers.ReportSerializer(shown).data)


def _shown(blueprint: Blueprint, code: int = status.HTTP_200_OK) -> Response:
    body = serializers.BlueprintSerializer(blueprint).data
    return Response(body, status=code, headers={"ETag": zones.etag_of(blueprint)})
