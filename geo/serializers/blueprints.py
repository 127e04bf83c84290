from typing import Any

from rest_framework import serializers

from geo.blueprints import Report, ZoneChange
from geo.models import Blueprint, GeoZone, Shape, ZoneType
from geo.serializers.zones import PolygonField, ScheduleSerializer, ZoneFieldsSerializer
from identity.api.fields import PlainTextField
from identity.pins.serializers import ProvedSerializer

# More than the setting ZONES_PER_PERSON ever allows; require_room in geo/zones.py checks the exact limit.
_MOST_ZONES = 1_000


class BlueprintFieldsSerializer(serializers.Serializer[None]):
    name = PlainTextField(max_length=100)
    zones = serializers.ListField(child=ZoneFieldsSerializer(), max_length=_MOST_ZONES)

    def validate_zones(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the zones with the defaults filled in, also when the blueprint is changed in part. Raises
        ValidationError for a zone without a name or an outline.
        """
        whole = [{"schedule": None, "contact_ids": None} | _DEFAULTS | fields for fields in value]
        for fields in whole:
            if "shape" not in fields or "name" not in fields:
                raise serializers.ValidationError("Each zone needs a name and a circle or a polygon.")
        return whole


_DEFAULTS = {"zone_type": ZoneType.OTHER, "notify_on_enter": True, "notify_on_exit": True, "is_active": True}


class FromCurrentSerializer(serializers.Serializer[None]):
    name = PlainTextField(max_length=100)


class ApplySerializer(ProvedSerializer):
    dry_run = serializers.BooleanField(default=False, help_text="Only report the changes; change nothing.")


class BlueprintZoneSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField()
    zone_type = serializers.ChoiceField(choices=ZoneType.choices)
    shape = serializers.ChoiceField(choices=Shape.choices)
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()
    radius = serializers.FloatField(source="radius_m")
    geometry = PolygonField(source="ring", allow_null=True)
    notify_on_enter = serializers.BooleanField()
    notify_on_exit = serializers.BooleanField()
    schedule = ScheduleSerializer(allow_null=True)
    contact_ids = serializers.ListField(child=serializers.UUIDField(), allow_null=True)
    is_active = serializers.BooleanField()


class BlueprintSerializer(serializers.ModelSerializer[Blueprint]):
    zones = BlueprintZoneSerializer(many=True)

    class Meta:
        model = Blueprint
        fields = ["id", "name", "zones", "created_at", "updated_at"]
        read_only_fields = fields


class NamedZoneSerializer(serializers.Serializer[GeoZone]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class ChangedZoneSerializer(serializers.Serializer[ZoneChange]):
    id = serializers.UUIDField(source="zone.id")
    name = serializers.CharField(source="zone.name")
    fields_changed = serializers.SerializerMethodField()

    def get_fields_changed(self, change: ZoneChange) -> list[str]:
        return sorted(change.changes)


class ReportSerializer(serializers.Serializer[Report]):
    """The changes of applying a blueprint. A zone of the blueprint and a zone of the person with the same name count as
    one.
    """

    added = NamedZoneSerializer(many=True)
    changed = ChangedZoneSerializer(many=True)
    removed = NamedZoneSerializer(many=True)
    unchanged = NamedZoneSerializer(many=True)
    dry_run = serializers.BooleanField()
