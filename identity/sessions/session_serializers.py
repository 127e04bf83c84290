from typing import Any

from rest_framework import serializers

from identity.models import Session


class SessionSerializer(serializers.ModelSerializer[Session]):
    name = serializers.CharField(read_only=True, help_text="The device's name; empty if no app told it.")
    platform = serializers.CharField(read_only=True, help_text="`android`, `ios`, `other`, or empty: unknown.")
    network = serializers.CharField(
        read_only=True, help_text="The network of its last use, like `203.0.113.0/24`; empty: unknown."
    )
    last_used_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Exact to the minute. Requests of an SOS do not count."
    )
    is_this = serializers.SerializerMethodField(help_text="Whether this request came with it.")

    class Meta:
        model = Session
        fields = ["id", "name", "platform", "network", "created_at", "last_used_at", "expires_at", "is_this"]
        read_only_fields = fields

    def get_is_this(self, session: Session) -> bool:
        return bool(session.id == self.context.get("this"))


class SessionListSerializer(serializers.Serializer[None]):
    """The newest 100 sessions."""

    results = SessionSerializer(many=True, read_only=True)


class FreshSerializer(serializers.Serializer[Any]):
    fresh_until = serializers.DateTimeField(read_only=True)
