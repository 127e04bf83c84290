from datetime import timedelta

from rest_framework import serializers

from alerts.escalation.personal import LATEST_GIVE_UP, LONGEST_WAIT, MAX_WAVES, SOONEST_GIVE_UP, PolicyBody, WaveBody
from identity.contacts.contacts import MAX_CONTACTS
from identity.pins.serializers import ProvedSerializer
from messaging.models import Channel


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())


class WaveSerializer(serializers.Serializer[WaveBody]):
    channel = serializers.ChoiceField(
        choices=[(channel.value, channel.label) for channel in (Channel.SMS, Channel.VOICE)]
    )
    wait_s = serializers.IntegerField(
        min_value=0,
        max_value=_seconds(LONGEST_WAIT),
        help_text="Seconds without an answer since the wave before. For the first wave: since the alert.",
    )
    contacts = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        max_length=MAX_CONTACTS,
        help_text="Ids of contacts, all called at once. An empty list means everyone.",
    )


class PolicySerializer(serializers.Serializer[PolicyBody]):
    waves = serializers.ListField(child=WaveSerializer(), min_length=1, max_length=MAX_WAVES)
    give_up_after_s = serializers.IntegerField(
        min_value=_seconds(SOONEST_GIVE_UP),
        max_value=_seconds(LATEST_GIVE_UP),
        help_text="Seconds after the last wave until the alert is `exhausted` and the operator is alarmed.",
    )


class ShownPolicySerializer(PolicySerializer):
    waves = serializers.ListField(child=WaveSerializer())
    is_default = serializers.BooleanField(help_text="True while the person has chosen no waves.")


class PolicyChangeSerializer(ProvedSerializer, PolicySerializer):
    """The waves. A PIN is needed, once PINs are set, if a contact is called or texted later or less often than before,
    or the alert is `exhausted` later.
    """
