"""What phones send and hear, described here for clients; read by geo/reading.py."""

from rest_framework import serializers

from geo import policy
from geo.models import Activity, Network
from geo.reading import RefusedFix
from geo.tracking import Upload


class PhoneSerializer(serializers.Serializer[None]):
    """What a phone says of itself. What is wrong of it is left out and costs nothing else."""

    accuracy = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text=f"m, 68 % are nearer than this; more than {policy.WORST_ACCURACY_M:,.0f} is taken for that.",
    )
    battery = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="Per cent, kept in whole ones."
    )
    network = serializers.CharField(
        required=False, allow_null=True, help_text=f"One of {', '.join(Network.values)}; others become `unknown`."
    )


class NewFixSerializer(PhoneSerializer):
    """Only place and time must be right; other fields that are wrong are left out, unknown ones ignored."""

    id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Made by the app once for each fix: a repeat is stored once. Without it the same time and place is.",
    )
    recorded_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="When the phone was there, by its clock, with a time zone; without it, at the moment of sending.",
    )
    latitude = serializers.FloatField(min_value=-90, max_value=90)
    longitude = serializers.FloatField(min_value=-180, max_value=180)
    altitude = serializers.FloatField(
        required=False, allow_null=True, min_value=-1_000, max_value=100_000, help_text="m"
    )
    speed = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1_000, help_text="m/s")
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
        help_text="The phone's clock at the moment of this very try: with it a wrong clock does no harm.",
    )


class SingleFixSerializer(NewFixSerializer, SentSerializer):
    pass


class BatchSerializer(SentSerializer):
    locations = serializers.ListField(child=NewFixSerializer(), max_length=policy.MAX_BATCH)


class RefusedFixSerializer(serializers.Serializer[RefusedFix]):
    index = serializers.IntegerField(help_text="Its place in what was sent, from 0.")
    code = serializers.CharField(
        help_text="`required`, `not_an_object`, `not_a_number`, `out_of_range`, `null_island` (0, 0: what a phone "
        "without a fix says), `not_a_time`, `no_time_zone`, `in_the_future`, `too_old`; of an alert also "
        "`alert_ended`, `too_many`. Sending it again would change nothing."
    )
    field = serializers.CharField(allow_blank=True)


class UploadSerializer(serializers.Serializer[Upload]):
    stored = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="They were stored before.")
    refused = RefusedFixSerializer(many=True)
