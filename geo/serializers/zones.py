from typing import Any
from zoneinfo import available_timezones

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from geo import policy, shapes
from geo.knowledge import Known, State
from geo.models import Direction, GeoZone, Shape, Told, ZoneEvent, ZoneType
from geo.presence import Rule
from identity.api.fields import PlainTextField
from identity.contacts.contacts import MAX_CONTACTS
from identity.pins.serializers import ProvedSerializer

_HOUR = r"^([01]\d|2[0-3]):[0-5]\d$"
_POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_GEOMETRY = {
    "type": "object",
    "description": "GeoJSON (RFC 7946) with one ring and no holes. Edges are the shortest lines between corners.",
    "properties": {
        "type": {"type": "string", "enum": ["Polygon"]},
        "coordinates": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {"type": "array", "items": _POSITION, "minItems": 4, "maxItems": policy.MAX_VERTICES + 1},
        },
    },
    "required": ["type", "coordinates"],
}


@extend_schema_field(_GEOMETRY)
class PolygonField(serializers.Field):  # type: ignore[type-arg]
    """A GeoJSON polygon, kept as its closed ring of (longitude, latitude)."""

    default_error_messages = {"invalid_polygon": "A GeoJSON Polygon of one closed ring within WGS 84's degrees."}

    def to_internal_value(self, data: Any) -> list[list[float]]:
        if not (isinstance(data, dict) and data.get("type") == "Polygon"):
            self.fail("invalid_polygon")
        rings = data.get("coordinates")
        ring = rings[0] if isinstance(rings, list) and len(rings) == 1 else None
        if not (isinstance(ring, list) and 4 <= len(ring) <= policy.MAX_VERTICES + 1 and all(map(_is_position, ring))):
            self.fail("invalid_polygon")
        closed = [[float(x), float(y)] for x, y in ring]
        if closed[0] != closed[-1]:
            self.fail("invalid_polygon")
        return closed

    def to_representation(self, value: list[list[float]]) -> dict[str, Any]:
        return {"type": "Polygon", "coordinates": [value]}


def _is_position(pair: Any) -> bool:
    if not (isinstance(pair, list) and len(pair) == 2 and all(type(value) in (int, float) for value in pair)):
        return False
    return bool(-180 <= pair[0] <= 180 and -90 <= pair[1] <= 90)


class ScheduleSerializer(serializers.Serializer[None]):
    days = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7),
        min_length=1,
        max_length=7,
        help_text="ISO: 1 is Monday. Hours past midnight belong to the day on which they began.",
    )
    to = serializers.RegexField(_HOUR, help_text="Until before this hour. The same as `from`: the whole day.")
    time_zone = serializers.CharField(max_length=64, help_text="Like Asia/Bishkek.")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a keyword of Python.
        return super().get_fields() | {"from": serializers.RegexField(_HOUR)}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # A change of a zone may leave out fields, but no part of its schedule.
        for name in ("days", "from", "to", "time_zone"):
            if name not in attrs:
                raise serializers.ValidationError({name: ["A schedule needs all four."]})
        return attrs

    def validate_days(self, value: list[int]) -> list[int]:
        return sorted(set(value))

    def validate_time_zone(self, value: str) -> str:
        if value not in available_timezones():
            raise serializers.ValidationError("No such time zone.")
        return value


class ZoneFieldsSerializer(serializers.Serializer[None]):
    """The outline of a zone: a circle (`latitude`, `longitude`, `radius`) or a polygon (`geometry`)."""

    name = PlainTextField(max_length=100)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    radius = serializers.FloatField(
        min_value=policy.MIN_RADIUS_M, max_value=policy.MAX_RADIUS_M, required=False, help_text="Metres."
    )
    geometry = PolygonField(required=False, allow_null=True)
    zone_type = serializers.ChoiceField(choices=ZoneType.choices, default=ZoneType.OTHER)
    notify_on_enter = serializers.BooleanField(default=True)
    notify_on_exit = serializers.BooleanField(default=True)
    schedule = ScheduleSerializer(required=False, allow_null=True, help_text="When contacts are told; null: always.")
    contact_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MAX_CONTACTS,
        required=False,
        allow_null=True,
        help_text="The emergency contacts who are told; null: all of them.",
    )
    is_active = serializers.BooleanField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        circle = {name: attrs.pop(name) for name in ("latitude", "longitude", "radius") if name in attrs}
        ring = attrs.pop("geometry", None)
        if circle and ring:
            raise serializers.ValidationError({"geometry": ["A circle or a polygon, not both."]})
        if ring:
            return attrs | _polygon(ring)
        if not circle and self.partial:
            return attrs
        for name in ("latitude", "longitude", "radius"):
            if name not in circle:
                raise serializers.ValidationError({name: ["A circle needs all three."]})
        where = {"latitude": circle["latitude"], "longitude": circle["longitude"], "radius_m": circle["radius"]}
        return attrs | where | {"shape": Shape.CIRCLE, "ring": None}


class ZoneChangesSerializer(ProvedSerializer, ZoneFieldsSerializer):
    """The fields of a zone that change, and the PIN if contacts may be told of less."""


def _polygon(ring: list[list[float]]) -> dict[str, Any]:
    try:
        latitude, longitude, radius_m = shapes.around(ring)
    except shapes.ShapeInvalid as error:
        raise serializers.ValidationError({"geometry": [str(error)]}) from error
    where = {"latitude": latitude, "longitude": longitude, "radius_m": radius_m}
    return where | {"shape": Shape.POLYGON, "ring": ring}


class ZoneSerializer(serializers.ModelSerializer[GeoZone]):
    radius = serializers.FloatField(
        source="radius_m", help_text="Metres. For a polygon: the radius of the circle around it."
    )
    geometry = PolygonField(source="ring", allow_null=True)
    schedule = ScheduleSerializer(allow_null=True)
    contact_ids = serializers.ListField(child=serializers.UUIDField(), allow_null=True)

    class Meta:
        model = GeoZone
        fields = [
            *("id", "name", "zone_type", "shape", "latitude", "longitude", "radius", "geometry", "notify_on_enter"),
            *("notify_on_exit", "schedule", "contact_ids", "is_active", "created_at", "updated_at"),
        ]
        read_only_fields = fields


class KnownSerializer(serializers.Serializer[Known]):
    state = serializers.ChoiceField(choices=State.choices)
    since = serializers.DateTimeField(allow_null=True, help_text="Time of the fix that changed the state.")
    as_of = serializers.DateTimeField(allow_null=True, help_text="Time of the last evaluated fix; null while unknown.")


class ShownZoneSerializer(ZoneSerializer):
    """A zone with its owner's `presence` in it: `unknown` while the zone is inactive, new or just moved."""

    presence = serializers.SerializerMethodField()

    class Meta(ZoneSerializer.Meta):
        fields = [*ZoneSerializer.Meta.fields, "presence"]
        read_only_fields = fields

    @extend_schema_field(KnownSerializer)
    def get_presence(self, zone: GeoZone) -> Any:
        return KnownSerializer(self.context["presences"][zone.id]).data


class ZoneEventSerializer(serializers.ModelSerializer[ZoneEvent]):
    """A person entered or left a zone, with the facts that decided it: the fix, the distance to the boundary and the
    rule.
    """

    direction = serializers.ChoiceField(choices=Direction.choices)
    rule = serializers.ChoiceField(
        choices=[(rule.value, rule.value) for rule in Rule],
        help_text="`evidence`: the mean position of several fixes is further from the boundary than its error. "
        "`crossing`: a departure; good fixes on both sides and a movement between them.",
    )
    crossed_at = serializers.DateTimeField(
        allow_null=True, help_text="When the boundary was crossed, as far as the fixes say. Null in old events."
    )
    distance = serializers.FloatField(source="distance_m", help_text="Metres to the boundary, negative inside.")
    margin = serializers.FloatField(source="margin_m", help_text="Metres that the distance had to exceed.")
    fixes = serializers.IntegerField(help_text="Fixes whose mean has this distance.")
    told = serializers.ChoiceField(choices=Told.choices, help_text="Whether contacts were texted, and if not why.")
    contacts_told = serializers.SerializerMethodField()
    zone_id = serializers.UUIDField()
    zone_name = serializers.CharField(help_text="Its name at that time. The zone may have been removed since.")
    fix = serializers.SerializerMethodField()

    class Meta:
        model = ZoneEvent
        fields = [
            "id",
            "zone_id",
            "zone_name",
            "direction",
            "crossed_at",
            "decided_at",
            "rule",
            "distance",
            "margin",
            "fixes",
            "told",
            "contacts_told",
            "fix",
        ]
        read_only_fields = fields

    def get_contacts_told(self, event: ZoneEvent) -> int:
        return len(event.message_ids)

    @extend_schema_field(
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "recorded_at": {"type": "string", "format": "date-time"},
                "latitude": {"type": "number"},
                "longitude": {"type": "number"},
                "accuracy": {"type": "number"},
            },
        }
    )
    def get_fix(self, event: ZoneEvent) -> dict[str, Any]:
        position = {"latitude": event.latitude, "longitude": event.longitude, "accuracy": event.accuracy_m}
        return {"id": str(event.fix_id), "recorded_at": event.fix_at.isoformat()} | position
