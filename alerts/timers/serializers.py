from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.models import ActivityTimer, TimerStatus
from alerts.timers.heartbeats import LastHeard
from alerts.timers.lifecycle import GRACE, LONGEST, LONGEST_GRACE, MAX_EXTENSIONS, SHORTEST, Wanted
from geo.serializers.uploads import PhoneSerializer, SentSerializer
from identity.api.fields import PlainTextField
from identity.contacts.contacts import MAX_CONTACTS

_TEXT_MAX = 200


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())


class ArmSerializer(serializers.Serializer[None]):
    """`duration_s` or `ends_at`, one of the two."""

    duration_s = serializers.IntegerField(
        required=False, min_value=_seconds(SHORTEST), max_value=_seconds(LONGEST), help_text="From now, in seconds."
    )
    ends_at = serializers.DateTimeField(
        required=False, help_text="At least a minute and at most a week from now, by the server's clock."
    )
    grace_s = serializers.IntegerField(
        default=_seconds(GRACE),
        min_value=0,
        max_value=_seconds(LONGEST_GRACE),
        help_text="After the end: contacts are told when it is over.",
    )
    note = PlainTextField(max_length=_TEXT_MAX, allow_blank=True, default="", help_text="For the contacts.")
    place = PlainTextField(max_length=_TEXT_MAX, allow_blank=True, default="", help_text="For the contacts.")
    contact_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MAX_CONTACTS,
        default=list,
        help_text="Who is told; empty: all contacts, as they are then.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("duration_s" in attrs) == ("ends_at" in attrs):
            raise serializers.ValidationError("Give duration_s or ends_at.", code="one_of_two")
        return attrs


def wanted(body: dict[str, Any], *, now: datetime) -> Wanted:
    """What a valid ArmSerializer asks for. Raises ValidationError for an end that is too near or too far."""
    period = timedelta(seconds=body["duration_s"]) if "duration_s" in body else body["ends_at"] - now
    if not SHORTEST <= period <= LONGEST:
        raise serializers.ValidationError(
            {"ends_at": [serializers.ErrorDetail("Must be a minute to a week from now.", code="out_of_range")]}
        )
    return Wanted(
        period=period,
        grace=timedelta(seconds=body["grace_s"]),
        note=body["note"],
        place=body["place"],
        contact_ids=tuple(body["contact_ids"]),
    )


class ExtendSerializer(serializers.Serializer[None]):
    duration_s = serializers.IntegerField(
        min_value=_seconds(SHORTEST),
        max_value=_seconds(LONGEST),
        help_text="Added to the end; in the grace period: from now.",
    )


class BeatSerializer(PhoneSerializer, SentSerializer):
    """Read by alerts/timers/heartbeats.py. A position that is wrong is left out like any other detail."""

    recorded_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="When it was so, by the phone's clock; left out, or in the future: now.",
    )
    latitude = serializers.FloatField(required=False, allow_null=True, min_value=-90, max_value=90)
    longitude = serializers.FloatField(required=False, allow_null=True, min_value=-180, max_value=180)


class LastHeardSerializer(serializers.Serializer[LastHeard]):
    at = serializers.DateTimeField()
    battery = serializers.IntegerField(source="battery_pct", allow_null=True)
    network = serializers.CharField(allow_blank=True)
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    accuracy = serializers.FloatField(source="accuracy_m", allow_null=True)
    position_at = serializers.DateTimeField(allow_null=True)


class WhichTimersSerializer(serializers.Serializer[None]):
    status = serializers.ChoiceField(choices=TimerStatus.choices, required=False)


class TimerSerializer(serializers.ModelSerializer[ActivityTimer]):
    contact_ids = serializers.ListField(child=serializers.UUIDField(), help_text="Empty: everybody.")
    duration_s = serializers.IntegerField(source="period_s", help_text="What a check-in starts anew.")
    extensions = serializers.IntegerField(help_text=f"Since it was armed or checked in; at most {MAX_EXTENSIONS}.")
    alert_id = serializers.UUIDField(allow_null=True, help_text="What it raised or, if one was open, joined.")
    last_heard = serializers.SerializerMethodField(help_text="By heartbeats.")

    class Meta:
        model = ActivityTimer
        fields = (
            "id",
            "status",
            "ends_at",
            "grace_s",
            "duration_s",
            "extensions",
            "note",
            "place",
            "contact_ids",
            "last_heard",
            "alert_id",
            "created_at",
            "updated_at",
            "ended_at",
        )

    @extend_schema_field(LastHeardSerializer(allow_null=True))
    def get_last_heard(self, timer: ActivityTimer) -> Any:
        heard = self.context["last_heard"].get(timer.id)
        return LastHeardSerializer(heard).data if heard else None
