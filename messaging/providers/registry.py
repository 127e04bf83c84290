"""The provider of each channel. A new provider needs its own file, its tests and one line here."""

from messaging.models import Channel
from messaging.providers import Failure, Provider
from messaging.providers.email import EmailProvider
from messaging.providers.twilio import TwilioProvider
from messaging.providers.twilio_voice import TwilioVoiceProvider

PROVIDERS: dict[Channel, type[Provider]] = {
    Channel.SMS: TwilioProvider,
    Channel.VOICE: TwilioVoiceProvider,
    Channel.EMAIL: EmailProvider,
}

# Codes that are reported only after the provider has accepted the message.
LATE_CODES = frozenset(
    number for provider in PROVIDERS.values() for number, code in provider.codes.items() if code.is_late
)


def failure(channel: Channel, code: str) -> Failure | None:
    """Why a message with this error code did not arrive; None if the code is not in the table of the channel's
    provider.
    """
    known = PROVIDERS[channel].codes.get(code)
    return known.failure if known else None
