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
from identity.pins.serializers import ProvedSerializer

_TEXT_MAX = 200


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())


class ArmSerializer(serializers.Serializer[None]):
    """Give either `duration_s` or `ends_at`."""

    duration_s = serializers.IntegerField(
        required=False,
        min_value=_seconds(SHORTEST),
        max_value=_seconds(LONGEST),
        help_text="Seconds from now to the end.",
    )
    ends_at = serializers.DateTimeField(
        required=False, help_text="The end: between a minute and a week from now, by the server's clock."
    )
    grace_s = serializers.IntegerField(
        default=_seconds(GRACE),
        min_value=0,
        max_value=_seconds(LONGEST_GRACE),
        help_text="Seconds of the grace period after the end. When it is over, contacts are told.",
    )
    note = PlainTextField(max_length=_TEXT_MAX, allow_blank=True, default="", help_text="A note for the contacts.")
    place = PlainTextField(
        max_length=_TEXT_MAX, allow_blank=True, default="", help_text="The place the person goes to."
    )
    contact_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MAX_CONTACTS,
        default=list,
        help_text="The contacts who are told. Empty: all contacts that the person has when the timer fires.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("duration_s" in attrs) == ("ends_at" in attrs):
            raise serializers.ValidationError("Give duration_s or ends_at.", code="one_of_two")
        return attrs


def wanted(body: dict[str, Any], *, now: datetime) -> Wanted:
    """The timer that the body of a valid ArmSerializer asks for.

    Raises ValidationError if its end is too near or too far.
    """
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


class ExtendSerializer(ProvedSerializer):
    duration_s = serializers.IntegerField(
        min_value=_seconds(SHORTEST),
        max_value=_seconds(LONGEST),
        help_text="Seconds that are added to the end or, in the grace period, to now.",
    )


class BeatSerializer(PhoneSerializer, SentSerializer):
    """A heartbeat. A wrong position or other wrong detail is left out, and the rest of the heartbeat is taken."""

    recorded_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="The time of these details by the phone's clock. If it is left out or in the future, it is now.",
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
    contact_ids = serializers.ListField(
        child=serializers.UUIDField(), help_text="Contacts to tell; empty: all of them."
    )
    duration_s = serializers.IntegerField(source="period_s", help_text="Seconds that a check-in starts anew.")
    extensions = serializers.IntegerField(help_text=f"Since arming or the last check-in; at most {MAX_EXTENSIONS}.")
    alert_id = serializers.UUIDField(allow_null=True, help_text="The alert that the timer raised or joined.")
    last_heard = serializers.SerializerMethodField(help_text="The last heartbeat and the last position.")

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
