"""Makes the first sender of each channel from the settings. The operator adds further senders in the admin."""

from django.conf import settings

from messaging.database import clock
from messaging.models import Channel, Sender

DEFAULT, VOICE, EMAIL = "default", "voice", "email"


def sync_default(**_: object) -> None:
    """Write the numbers and addresses of the settings into the first senders' rows; runs after every `migrate`.

    The pace of the settings is written only when the row is made. After that the operator changes it in the admin.
    The sender of calls or e-mails becomes inactive if its setting is empty.
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
    # A sender without an origin had an empty setting before, so it becomes active again. A sender that the operator
    # took out still has its origin, and stays inactive.
    Sender.objects.filter(name=name, origin="", messaging_service_sid="").update(is_active=True, **origin)
    first = {"channel": channel, "segments_per_second": segments_per_second, "next_free_at": clock.now()}
    Sender.objects.update_or_create(name=name, defaults=origin, create_defaults=origin | first)


def _take_out(name: str) -> None:
    """Deactivate the first sender of this name, whose setting is empty, and clear its origin."""
    Sender.objects.filter(name=name).update(is_active=False, origin="", messaging_service_sid="")
