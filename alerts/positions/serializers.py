from rest_framework import serializers

from alerts.models import AlertPosition


class PositionSerializer(serializers.ModelSerializer[AlertPosition]):
    id = serializers.UUIDField(source="client_id")
    recorded_at = serializers.DateTimeField(source="at")
    accuracy = serializers.FloatField(source="accuracy_m", required=False, allow_null=True)
    altitude = serializers.FloatField(source="altitude_m", required=False, allow_null=True)
    speed = serializers.FloatField(source="speed_mps", required=False, allow_null=True)
    course = serializers.FloatField(source="course_deg", required=False, allow_null=True)
    battery = serializers.IntegerField(
        source="battery_pct", required=False, allow_null=True, min_value=0, max_value=32_767
    )

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
