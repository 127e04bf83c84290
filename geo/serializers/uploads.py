"""Uploads and their responses, described for clients. geo/reading.py reads the uploads."""

from rest_framework import serializers

from geo import policy
from geo.models import Activity, Network
from geo.reading import RefusedFix
from geo.tracking import Upload


class PhoneSerializer(serializers.Serializer[None]):
    """Facts that a phone reports about itself. A wrong fact is left out; the others are kept."""

    accuracy = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text=f"Metres; 68 % of fixes are closer than this. More than {policy.WORST_ACCURACY_M:,.0f} becomes that.",
    )
    battery = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="Per cent; stored rounded down."
    )
    network = serializers.CharField(
        required=False, allow_null=True, help_text=f"One of {', '.join(Network.values)}; others become `unknown`."
    )


class NewFixSerializer(PhoneSerializer):
    """A fix. Only position and time must be right.

    Other fields that are wrong are left out; unknown fields are ignored.
    """

    id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Made by the app, once for each fix. A repeat is stored once. "
        "Without an id, a fix of the same time and position is a repeat.",
    )
    recorded_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="When the phone was there, by its clock, with a time zone. Default: the moment of sending.",
    )
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    altitude = serializers.FloatField(
        required=False, allow_null=True, min_value=-1_000, max_value=100_000, help_text="Metres."
    )
    speed = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=1_000, help_text="Metres per second."
    )
    course = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=360, help_text="Degrees from north."
    )
    activity = serializers.CharField(
        required=False, allow_null=True, help_text=f"One of {', '.join(Activity.values)}; others become `unknown`."
    )
    track_id = serializers.UUIDField(required=False, allow_null=True)


class SentSerializer(serializers.Serializer[None]):
    sent_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="The phone's clock when it sends this request; new for each attempt. "
        "With it a wrong clock does no harm.",
    )


class SingleFixSerializer(NewFixSerializer, SentSerializer):
    pass


class BatchSerializer(SentSerializer):
    locations = serializers.ListField(child=NewFixSerializer(), max_length=policy.MAX_BATCH)


class RefusedFixSerializer(serializers.Serializer[RefusedFix]):
    index = serializers.IntegerField(help_text="Its index in the request, from 0.")
    code = serializers.CharField(
        help_text="`required`, `not_an_object`, `not_a_number`, `out_of_range`, `null_island` (0, 0: reported by a "
        "phone without a fix), `not_a_time`, `no_time_zone`, `in_the_future`, `too_old`; for an alert also "
        "`alert_ended`, `too_many`. Do not send the fix again: it would be refused again."
    )
    field = serializers.CharField(allow_blank=True)


class UploadSerializer(serializers.Serializer[Upload]):
    stored = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="Fixes that were stored before.")
    refused = RefusedFixSerializer(many=True)
