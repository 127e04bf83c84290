from rest_framework import serializers

from alerts.models import AlertStatus, AnswerKind
from alerts.owner.reasons import Reason
from alerts.owner.truth import Status
from alerts.sos.drills import Arrival, DrillReport
from messaging.models import Channel


class ArrivalSerializer(serializers.Serializer[Arrival]):
    """A contact and the contact's TEST message. Seconds count from the press; null: it did not happen, or not yet."""

    contact_id = serializers.UUIDField()
    name = serializers.CharField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    status = serializers.ChoiceField(choices=Status.choices)
    reason = serializers.ChoiceField(choices=Reason.choices, allow_null=True)
    detail = serializers.CharField(allow_null=True, help_text="The reason as a sentence in the person's language.")
    answer = serializers.ChoiceField(choices=AnswerKind.choices, allow_null=True)
    accepted_after_s = serializers.FloatField(allow_null=True, help_text="When the provider had taken it.")
    delivered_after_s = serializers.FloatField(allow_null=True, help_text="When it was on the phone.")


class DrillReportSerializer(serializers.Serializer[DrillReport]):
    id = serializers.UUIDField(source="alert.id")
    status = serializers.ChoiceField(source="alert.status", choices=AlertStatus.choices)
    created_at = serializers.DateTimeField(source="alert.created_at")
    ended_at = serializers.DateTimeField(source="alert.ended_at", allow_null=True)
    summary = serializers.CharField()
    contacts = ArrivalSerializer(many=True, source="arrivals")
