from typing import Any

from rest_framework import serializers

from alerts.models import AlertKind, AlertStatus, AnswerKind
from alerts.owner.reach import AlertReport, Reach
from alerts.owner.reasons import Reason
from alerts.owner.truth import ContactTruth, Status, Try
from alerts.sos.intake import ADDRESS_MAX
from identity.pins.pins import PIN_PATTERN
from messaging.models import Channel


class PressSerializer(serializers.Serializer[None]):
    """The body of a press. A wrong field is left out with a warning and never refuses the SOS."""

    latitude = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=-90,
        max_value=90,
        help_text="Needs `longitude`. A wrong position is left out with the warning `position_ignored`.",
    )
    longitude = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=-180,
        max_value=180,
        help_text="Needs `latitude`.",
    )
    accuracy = serializers.FloatField(
        required=False, allow_null=True, min_value=0, help_text="Metres. A negative one says that there is no fix."
    )
    battery = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=100, help_text="Per cent.")
    recorded_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="When the phone recorded the position, by its clock, with its offset. Send it when the SOS waited"
        " for a network. Absent means now. A wrong time is left out with the warning `recorded_at_ignored`.",
    )
    sent_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="The phone's clock at this attempt. With it a wrong clock does no harm. If it is long ago and no"
        " later than `recorded_at`, contacts read that the position's age is not known.",
    )
    address = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=ADDRESS_MAX,
        help_text="Street address. A longer one is cut with the warning `address_shortened`. Other values are left out"
        " with the warning `address_ignored`.",
    )
    drill = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="`true`: a drill. Contacts read TEST, nobody is called. Anything but true or false is a real SOS "
        "with the warning `drill_ignored`.",
    )


class WhichSerializer(serializers.Serializer[None]):
    """Filters of the list of alerts."""

    status = serializers.ChoiceField(choices=AlertStatus.choices, required=False)


class EndSerializer(serializers.Serializer[None]):
    pin = serializers.RegexField(
        PIN_PATTERN,
        default="",
        allow_blank=True,
        allow_null=True,
        help_text="The safe or the duress PIN. Needed once PINs are set (`me/pin/`).",
    )


_REACHED_BY = [(channel.value, channel.label) for channel in (Channel.SMS, Channel.VOICE)]


class TrySerializer(serializers.Serializer[Try]):
    channel = serializers.ChoiceField(choices=_REACHED_BY)
    status = serializers.ChoiceField(
        choices=Status.choices,
        help_text="A call is `sent` while it rings and `delivered` when it was heard to the end, maybe by a voicemail.",
    )
    reason = serializers.ChoiceField(choices=Reason.choices, allow_null=True)
    detail = serializers.CharField(allow_null=True)
    updated_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)


class FalseAlarmsSerializer(serializers.Serializer[None]):
    false_alarms = serializers.IntegerField()


class ContactTruthSerializer(serializers.Serializer[ContactTruth]):
    """A contact as of the time of the alert, with the status of every SMS and call that asked this contact for help."""

    contact_id = serializers.UUIDField()
    name = serializers.CharField()
    phone_number = serializers.CharField(help_text="E.164")
    status = serializers.ChoiceField(
        source="sos.status",
        choices=Status.choices,
        help_text="The first SMS. `sent`: at the carrier, not yet on the phone. `unconfirmed`: its fate stays unknown.",
    )
    reason = serializers.ChoiceField(
        source="sos.reason",
        choices=Reason.choices,
        allow_null=True,
        help_text="Why the first SMS is not delivered yet, if that is known.",
    )
    detail = serializers.CharField(
        source="sos.detail", allow_null=True, help_text="The reason as a sentence in the person's language."
    )
    updated_at = serializers.DateTimeField(source="sos.updated_at")
    delivered_at = serializers.DateTimeField(source="sos.delivered_at", allow_null=True)
    tries = TrySerializer(
        many=True, help_text="The first SMS, then the calls and SMS that followed because nobody answered, in order."
    )
    answer = serializers.ChoiceField(
        choices=AnswerKind.choices, allow_null=True, help_text="The contact's answer, on the page or in a call."
    )


class ReachSerializer(serializers.Serializer[Reach]):
    contacts = serializers.IntegerField(help_text="Contacts of this alert.")
    can_be_reached = serializers.IntegerField(help_text="Contacts who were told or may still be told.")
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Contacts who will not get the first SMS, though it was tried.")
    summary = serializers.CharField(help_text="These counts as a sentence in the person's language.")


class SosAlertSerializer(serializers.Serializer[AlertReport]):
    id = serializers.UUIDField(source="alert.id")
    status = serializers.ChoiceField(source="alert.status", choices=AlertStatus.choices)
    kind = serializers.ChoiceField(
        source="alert.kind",
        choices=AlertKind.choices,
        help_text="The cause. A press turns a missed check-in into `sos`.",
    )
    latitude = serializers.FloatField(source="alert.latitude", allow_null=True)
    longitude = serializers.FloatField(source="alert.longitude", allow_null=True)
    address = serializers.CharField(source="alert.address", allow_blank=True)
    created_at = serializers.DateTimeField(source="alert.created_at")
    updated_at = serializers.DateTimeField(source="alert.updated_at")
    ended_at = serializers.DateTimeField(source="alert.ended_at", allow_null=True)
    is_drill = serializers.BooleanField(source="alert.is_drill")
    contacts = ContactTruthSerializer(many=True)
    reach = ReachSerializer()
    warnings = serializers.ListField(
        child=serializers.CharField(),
        help_text="Only in the response to a press: `code: sentence` for each part of the body that was left out.",
    )


class PressedAlertSerializer(SosAlertSerializer):
    """The alert of a press. A request with the SOS credential alone gets the required fields and no others."""

    ALWAYS = ("id", "status", "created_at", "warnings")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name in self.ALWAYS
        return fields
