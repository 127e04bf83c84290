from rest_framework import serializers

from alerts.models import AlertPosition


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
