"""The tables of codes: every provider says of each code how it is called and what it means."""

import pytest

from messaging.models import Channel
from messaging.providers import ALARMING, Failure, Kind, Scope, twilio, twilio_voice
from messaging.providers.registry import LATE_CODES, PROVIDERS, failure
from messaging.providers.twilio_resource import Resource
from messaging.states import State

RESOURCES = [twilio.MESSAGE, twilio_voice.CALL]


def test_every_channel_has_a_provider_and_every_code_a_name() -> None:
    assert set(PROVIDERS) == set(Channel)
    for provider in PROVIDERS.values():
        assert provider.codes
        assert all(code.name and code.kind not in (Kind.ACCEPTED, Kind.UNKNOWN) for code in provider.codes.values())


@pytest.mark.parametrize("channel", Channel)
def test_only_what_concerns_a_sender_reaches_beyond_its_message(channel: Channel) -> None:
    beyond = [code for code in PROVIDERS[channel].codes.values() if code.scope is not Scope.MESSAGE]
    assert all(code.kind in ALARMING for code in beyond)


@pytest.mark.parametrize(
    ("channel", "code", "meaning"),
    [
        (Channel.SMS, "21211", Failure.INVALID_ADDRESS),
        (Channel.SMS, "21610", Failure.OPTED_OUT),
        (Channel.VOICE, "21214", Failure.CANNOT_RECEIVE),
        (Channel.VOICE, "no-answer", Failure.NO_ANSWER),
        (Channel.EMAIL, "553", Failure.INVALID_ADDRESS),
        (Channel.VOICE, "21610", None),
        (Channel.SMS, "opted_out", None),
    ],
)
def test_a_code_means_what_its_provider_says(channel: Channel, code: str, meaning: Failure | None) -> None:
    assert failure(channel, code) is meaning


def test_late_codes_are_those_of_callbacks() -> None:
    assert {code for code in twilio.MESSAGE.codes if code.startswith("30")} == LATE_CODES


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.noun)
def test_what_somebody_stopped_at_the_console_is_not_sent_again(resource: Resource) -> None:
    outcome = resource.reported("canceled", "30008", "X1")
    assert (outcome.kind, outcome.code, outcome.state) == (Kind.RECIPIENT, "canceled", State.FAILED)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.noun)
def test_a_code_nobody_knows_is_kept(resource: Resource) -> None:
    outcome = resource.reported("failed", 29999, "X1")
    assert (outcome.kind, outcome.code, outcome.failure) == (Kind.UNRECOGNISED, "29999", None)
