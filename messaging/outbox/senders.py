"""The first sender of each channel, described by the environment. Further ones are the operator's, in the admin."""

from django.conf import settings

from messaging.database import clock
from messaging.models import Channel, Sender

DEFAULT, VOICE, EMAIL = "default", "voice", "email"


def sync_default(**_: object) -> None:
    """Write the origins of the settings into the first senders' rows; runs after every `migrate`.

    Their pace is that of the settings only when the row is made: the operator's later word stands.
    """
    _sync(
        DEFAULT,
        channel=Channel.SMS,
        segments_per_second=settings.TWILIO_SEGMENTS_PER_SECOND,
        origin=settings.TWILIO_PHONE_NUMBER,
        messaging_service_sid=settings.TWILIO_MESSAGING_SERVICE_SID,
    )
    if settings.TWILIO_VOICE_NUMBER:
        _sync(
            VOICE,
            channel=Channel.VOICE,
            segments_per_second=settings.TWILIO_CALLS_PER_SECOND,
            origin=settings.TWILIO_VOICE_NUMBER,
        )
    else:
        _take_out(VOICE)
    if settings.SENDS_EMAIL:
        _sync(EMAIL, channel=Channel.EMAIL, segments_per_second=0, origin=settings.DEFAULT_FROM_EMAIL)
    else:
        _take_out(EMAIL)


def _sync(name: str, *, channel: Channel, segments_per_second: float, **origin: str) -> None:
    # Emptied before and set again: it is in. One that the operator took out has its origin still, and stays out.
    Sender.objects.filter(name=name, origin="", messaging_service_sid="").update(is_active=True, **origin)
    first = {"channel": channel, "segments_per_second": segments_per_second, "next_free_at": clock.now()}
    Sender.objects.update_or_create(name=name, defaults=origin, create_defaults=origin | first)


def _take_out(name: str) -> None:
    """Its setting is empty: without an origin it sends nothing."""
    Sender.objects.filter(name=name).update(is_active=False, origin="", messaging_service_sid="")
