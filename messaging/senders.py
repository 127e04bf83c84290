"""The senders messages leave from. For now one, described by the environment."""

from django.conf import settings

from messaging import clock
from messaging.models import Sender

DEFAULT = "default"


def sync_default(**_: object) -> None:
    """Write the sender of the settings into its row; runs after every `migrate`."""
    origin = {
        "origin": settings.TWILIO_PHONE_NUMBER,
        "messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID,
        "segments_per_second": settings.TWILIO_SEGMENTS_PER_SECOND,
    }
    Sender.objects.update_or_create(
        name=DEFAULT, defaults=origin, create_defaults=origin | {"next_free_at": clock.now()}
    )
