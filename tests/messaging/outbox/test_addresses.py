"""Addresses that each channel accepts, and the sender of each channel."""

from typing import Any

import pytest

from messaging import policy, speech
from messaging.models import Channel, Message, MessageClass, Sender
from messaging.outbox import addresses, senders
from messaging.outbox.outgoing import Outgoing
from messaging.states import State
from tests.messaging.engine import ANA, queued

MAIL = "ana@example.org"


def item(channel: Channel, address: str, *, text: str = "Help", language: str = "en", recording: str = "") -> Outgoing:
    return Outgoing(
        channel=channel,
        address=address,
        text=text,
        language=language,
        recording=recording,
        message_class=MessageClass.EMERGENCY,
    )


@pytest.mark.parametrize("address", [MAIL, "a.b+c@xn--e1afmkfd.kg", "a@пример.кг", "A" * 64 + "@example.org"])
def test_an_email_address_is_taken(address: str) -> None:
    assert addresses.refusal(Channel.EMAIL, address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ana",
        "@example.org",
        "ana@",
        "ana@example.org\n",
        "ana@example.org\r\nBcc: x@example.org",
        "ana @example.org",
        "Ana <ana@example.org>",
        "ana@example.org, ben@example.org",
        '"\x01"@example.org',
        "ana\0@example.org",
        "я@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b." * 140 + "org",
        ANA,
    ],
)
@pytest.mark.django_db
def test_an_invalid_email_address_fails_at_once(address: str) -> None:
    [message] = queued(item(Channel.EMAIL, address))
    message.refresh_from_db()
    assert (message.state, message.error_code, message.text) == (State.FAILED, "address_not_valid", None)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.VOICE])
@pytest.mark.parametrize("address", ["", MAIL, "+77012345678", "0700000001", "+" + "9" * 300, "+996\0700000001"])
@pytest.mark.django_db
def test_a_number_outside_the_allowed_countries_or_none_at_all_fails_at_once(address: str, channel: Channel) -> None:
    [message] = queued(item(channel, address))
    message.refresh_from_db()
    assert (message.state, message.error_code) == (State.FAILED, "country_not_allowed")


@pytest.mark.django_db
def test_each_channel_has_its_sender_and_its_segments() -> None:
    long = "я" * 200
    made = queued(item(Channel.SMS, ANA, text=long), item(Channel.VOICE, ANA, text=long), item(Channel.EMAIL, MAIL))
    assert [(m.state, m.segments) for m in made] == [(State.QUEUED, 3), (State.QUEUED, 1), (State.QUEUED, 1)]
    found = Message.objects.order_by("id").values_list("sender__name", "sender__origin")
    assert list(found) == [
        (senders.DEFAULT, "+15005550006"),
        (senders.VOICE, "+15005550009"),
        (senders.EMAIL, "AlertMe <alertme@alertme.example>"),
    ]


@pytest.mark.parametrize("channel", [Channel.VOICE, Channel.EMAIL])
@pytest.mark.django_db
def test_a_channel_without_a_sender_fails_with_that_reason(channel: Channel) -> None:
    Sender.objects.filter(channel=channel).delete()
    [message, sms] = queued(item(channel, MAIL if channel is Channel.EMAIL else ANA), item(Channel.SMS, ANA))
    message.refresh_from_db()
    assert (message.state, message.error_code, message.sender) == (State.FAILED, "no_sender", None)
    assert sms.state == State.QUEUED


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"language": "ru"}, ""),
        ({"language": "ky", "recording": speech.Prompt.HELP}, ""),
        ({"language": "ky"}, "cannot_be_said"),
        ({"language": "ky", "recording": "../../secrets"}, "cannot_be_said"),
        ({"language": "fr", "recording": speech.Prompt.HELP}, "cannot_be_said"),
        ({"language": ""}, "cannot_be_said"),
        ({"language": "en", "text": "a" * (speech.MAX_SPOKEN + 1)}, "cannot_be_said"),
    ],
)
@pytest.mark.django_db
def test_a_call_that_no_voice_or_recording_can_speak_fails(said: dict[str, str], expected: str) -> None:
    [message] = queued(item(Channel.VOICE, ANA, **said))
    assert message.error_code == expected


@pytest.mark.django_db
def test_calls_that_follow_sms_are_not_too_many_of_them() -> None:
    ceiling = policy.PER_RECIPIENT_AND_HOUR[MessageClass.EMERGENCY]
    texts = queued(*[item(Channel.SMS, ANA) for _ in range(ceiling + 1)])
    calls = queued(*[item(Channel.VOICE, ANA) for _ in range(ceiling + 1)])
    for made in (texts, calls):
        assert [m.error_code for m in made] == [""] * ceiling + ["recipient_ceiling"]


@pytest.mark.django_db
def test_senders_follow_the_settings_and_keep_the_operators_pace(settings: Any) -> None:
    settings.TWILIO_VOICE_NUMBER, settings.TWILIO_CALLS_PER_SECOND = "+15005550001", 3.0
    Sender.objects.filter(name=senders.VOICE).delete()
    senders.sync_default()
    Sender.objects.filter(name=senders.VOICE).update(segments_per_second=5)
    settings.TWILIO_VOICE_NUMBER, settings.TWILIO_CALLS_PER_SECOND = "+15005550002", 4.0
    senders.sync_default()
    voice = Sender.objects.get(name=senders.VOICE)
    assert (voice.channel, voice.origin, voice.segments_per_second) == (Channel.VOICE, "+15005550002", 5)
    settings.TWILIO_VOICE_NUMBER, settings.SENDS_EMAIL = "", False
    senders.sync_default()
    assert [sender.name for sender in Sender.objects.filter(is_active=True)] == [senders.DEFAULT]
    settings.TWILIO_VOICE_NUMBER, settings.SENDS_EMAIL = "+15005550002", True
    senders.sync_default()
    assert Sender.objects.filter(is_active=True).count() == 3
    voice.refresh_from_db()
    assert (voice.origin, voice.segments_per_second) == ("+15005550002", 5)


@pytest.mark.django_db
def test_a_sender_that_the_operator_took_out_stays_out(settings: Any) -> None:
    settings.TWILIO_VOICE_NUMBER = "+15005550001"
    senders.sync_default()
    Sender.objects.filter(name=senders.VOICE).update(is_active=False)
    senders.sync_default()
    assert not Sender.objects.get(name=senders.VOICE).is_active
