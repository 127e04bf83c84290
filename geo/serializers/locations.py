from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from geo import policy
from geo.history import EARTH, Box, Wanted
from geo.models import Activity, Fix, Network
from geo.tracking import RefusedFix, Upload

_EVER = datetime(1, 1, 2, tzinfo=UTC)
_NEVER = datetime(9999, 12, 30, tzinfo=UTC)
_LONGEST_INTERVAL_S = 7 * 86_400


class FixSerializer(serializers.ModelSerializer[Fix]):
    """Where the phone was. Units: metres, metres a second, degrees from north, percent."""

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


class NewFixSerializer(serializers.Serializer[None]):
    """What a fix may say; described here for clients, read by geo/reading.py. Unknown fields are ignored."""

    id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Made by the app once for each fix: a repeat is stored once. Without it the same time and place is.",
    )
    recorded_at = serializers.DateTimeField(
        help_text="When the phone was there, with a time zone. Not ahead of the server by more than two minutes."
    )
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    accuracy = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=100_000, help_text="m, 68 % are nearer than this."
    )
    altitude = serializers.FloatField(required=False, allow_null=True, min_value=-1_000, max_value=100_000)
    speed = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1_000, help_text="m/s")
    course = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=360)
    battery = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=100)
    network = serializers.CharField(
        required=False, allow_null=True, help_text=f"One of {', '.join(Network.values)}; others become `unknown`."
    )
    activity = serializers.CharField(
        required=False, allow_null=True, help_text=f"One of {', '.join(Activity.values)}; others become `unknown`."
    )
    track_id = serializers.UUIDField(required=False, allow_null=True)


_SENT_AT = "The phone's clock when it sends this: a clock that is wrong is noticed and its times are corrected."


class SingleFixSerializer(NewFixSerializer):
    recorded_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With a time zone; without it, now."
    )
    sent_at = serializers.DateTimeField(required=False, allow_null=True, help_text=_SENT_AT)


class BatchSerializer(serializers.Serializer[None]):
    sent_at = serializers.DateTimeField(required=False, allow_null=True, help_text=_SENT_AT)
    fixes = serializers.ListField(child=NewFixSerializer(), max_length=policy.MAX_BATCH)


class RefusedFixSerializer(serializers.Serializer[RefusedFix]):
    index = serializers.IntegerField(help_text="Its place in the batch, from 0.")
    code = serializers.CharField(
        help_text="`required`, `not_an_object`, `not_a_number`, `out_of_range`, `null_island`, `not_a_uuid`, "
        "`not_a_time`, `no_time_zone`, `in_the_future`, `too_old`: sending it again would change nothing."
    )
    field = serializers.CharField(allow_blank=True)


class UploadSerializer(serializers.Serializer[Upload]):
    stored = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="They were stored before.")
    refused = RefusedFixSerializer(many=True)


class PageSerializer(serializers.Serializer[None]):
    next = serializers.URLField(allow_null=True)
    results = FixSerializer(many=True)


class WantedSerializer(serializers.Serializer[Wanted]):
    """Which fixes."""

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
        """As `wanted`, beside what a subclass adds."""
        values = super().to_internal_value(data)
        return values | {
            "wanted": Wanted(
                since=values.pop("since", _EVER),
                until=values.pop("until", _NEVER),
                box=values.pop("bbox", EARTH),
                every_s=values.pop("every_s", 0),
            )
        }


class WantedPageSerializer(WantedSerializer):
    every_s = serializers.IntegerField(
        required=False, min_value=0, max_value=_LONGEST_INTERVAL_S, help_text="At most one fix for so many seconds."
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=policy.MAX_PAGE, default=policy.PAGE)
    cursor = serializers.CharField(required=False, max_length=200, help_text="From `next`.")
