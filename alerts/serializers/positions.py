from rest_framework import serializers

from alerts.fixes import MAX_FIXES
from alerts.models import AlertPosition
from alerts.positions import Report


class FixSerializer(serializers.Serializer[None]):
    """A position as a phone sends it. Described here for clients; read leniently by alerts/fixes.py."""

    id = serializers.UUIDField(
        required=False, help_text="The phone's own id of the fix. What was sent before is not stored again."
    )
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    recorded_at = serializers.DateTimeField(
        required=False, help_text="The time of the fix by the phone's clock, with its offset. Absent: now."
    )
    accuracy = serializers.FloatField(required=False, allow_null=True, min_value=0, help_text="Radius in metres.")
    altitude = serializers.FloatField(required=False, allow_null=True, help_text="Metres.")
    speed = serializers.FloatField(required=False, allow_null=True, min_value=0, help_text="Metres per second.")
    course = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=360, help_text="Degrees from north."
    )
    battery = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=100, help_text="Per cent.")
    network = serializers.CharField(required=False, allow_blank=True, max_length=20, help_text="Like `wifi`, `4g`.")
    activity = serializers.CharField(required=False, allow_blank=True, max_length=20, help_text="Like `walking`.")


class OneFixSerializer(FixSerializer):
    sent_at = serializers.DateTimeField(required=False, help_text="The phone's clock at the moment of this very try.")


class FixesSerializer(serializers.Serializer[None]):
    locations = serializers.ListField(child=FixSerializer(), min_length=1, max_length=MAX_FIXES)
    sent_at = serializers.DateTimeField(
        required=False,
        help_text="The phone's clock at the moment of this very try: with it a wrong clock does no harm.",
    )


class RefusalSerializer(serializers.Serializer[None]):
    index = serializers.IntegerField(help_text="Its place in what was sent, from 0.")
    code = serializers.CharField(
        help_text="`not_an_object`, `position_wrong`, `null_island` (0, 0: what a phone without a fix says), "
        "`id_wrong`, `recorded_at_wrong`, `in_the_future`, `before_the_alert` (by more than a day), "
        "`alert_ended`, `too_many`. Sending it again changes nothing."
    )


class PositionsReportSerializer(serializers.Serializer[Report]):
    stored = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="Were there already.")
    refused = RefusalSerializer(many=True)


class PositionSerializer(serializers.ModelSerializer[AlertPosition]):
    id = serializers.UUIDField(source="client_id")

    class Meta:
        model = AlertPosition
        fields = (
            "id",
            "latitude",
            "longitude",
            "recorded_at",
            "received_at",
            "accuracy",
            "altitude",
            "speed",
            "course",
            "battery",
            "network",
            "activity",
        )
