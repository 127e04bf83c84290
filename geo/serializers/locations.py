from typing import Any

from rest_framework import serializers

from geo import policy
from geo.history import EARTH, EVER, NEVER, Box, Wanted
from geo.models import Activity, Fix, Network

_LONGEST_INTERVAL_S = 7 * 86_400


class FixSerializer(serializers.ModelSerializer[Fix]):
    """A position that a phone reported. Units: metres, metres per second, degrees from north, per cent."""

    recorded_at = serializers.DateTimeField(source="at")
    accuracy = serializers.FloatField(source="accuracy_m", allow_null=True)
    altitude = serializers.FloatField(source="altitude_m", allow_null=True)
    speed = serializers.FloatField(source="speed_mps", allow_null=True)
    course = serializers.FloatField(source="course_deg", allow_null=True)
    battery = serializers.IntegerField(source="battery_pct", allow_null=True)
    network = serializers.ChoiceField(choices=Network.choices, allow_blank=True)
    activity = serializers.ChoiceField(choices=Activity.choices, allow_blank=True)

    class Meta:
        model = Fix
        fields = [
            *("id", "recorded_at", "received_at", "latitude", "longitude", "accuracy", "altitude", "speed", "course"),
            *("battery", "network", "activity", "track_id"),
        ]
        read_only_fields = fields


class PageSerializer(serializers.Serializer[None]):
    next = serializers.URLField(allow_null=True)
    results = FixSerializer(many=True)


class WantedSerializer(serializers.Serializer[Wanted]):
    """Filters of the history: which fixes to show."""

    since = serializers.DateTimeField(required=False, help_text="From this moment on.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")
    bbox = serializers.CharField(
        required=False,
        max_length=120,
        help_text="`west,south,east,north` in degrees; west greater than east crosses the antimeridian.",
    )

    def validate_bbox(self, value: str) -> Box:
        try:
            west, south, east, north = map(float, value.split(","))
        except ValueError as error:
            raise serializers.ValidationError("Four numbers: west,south,east,north.") from error
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            raise serializers.ValidationError("Longitudes are -180 to 180, latitudes -90 to 90, south before north.")
        return Box(west=west, south=south, east=east, north=north)

    def to_internal_value(self, data: Any) -> Any:
        """Replace the filters by one Wanted under the key `wanted`; fields of a subclass stay beside it."""
        values = super().to_internal_value(data)
        return values | {
            "wanted": Wanted(
                since=values.pop("since", EVER),
                until=values.pop("until", NEVER),
                box=values.pop("bbox", EARTH),
                every_s=values.pop("every_s", 0),
            )
        }


class WantedPageSerializer(WantedSerializer):
    every_s = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_LONGEST_INTERVAL_S,
        help_text="At most one fix in this many seconds; 0: all.",
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=policy.MAX_PAGE, default=policy.PAGE)
    cursor = serializers.CharField(required=False, max_length=200, help_text="Taken from `next`.")
