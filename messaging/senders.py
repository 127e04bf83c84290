"""The senders messages leave from: for now one for each channel, described by the environment."""

from django.conf import settings

from messaging import clock
from messaging.models import Channel, Sender

DEFAULT, VOICE, EMAIL = "default", "voice", "email"


def sync_default(**_: object) -> None:
    """Write the senders of the settings into their rows; runs after every `migrate`."""
    _sync(
        DEFAULT,
        channel=Channel.SMS,
        origin=settings.TWILIO_PHONE_NUMBER,
        messaging_service_sid=settings.TWILIO_MESSAGING_SERVICE_SID,
        segments_per_second=settings.TWILIO_SEGMENTS_PER_SECOND,
    )
    if settings.TWILIO_VOICE_NUMBER:
        _sync(
            VOICE,
            channel=Channel.VOICE,
            origin=settings.TWILIO_VOICE_NUMBER,
            segments_per_second=settings.TWILIO_CALLS_PER_SECOND,
        )
    if settings.SENDS_EMAIL:
        _sync(EMAIL, channel=Channel.EMAIL, origin=settings.DEFAULT_FROM_EMAIL, segments_per_second=0)


def _sync(name: str, **columns: object) -> None:
    Sender.objects.update_or_create(
        name=name, defaults=columns, create_defaults=columns | {"next_free_at": clock.now()}
    )
