"""The first sender, described by the environment. Others, and its pace, are the operator's to edit in the admin."""

from django.conf import settings

from messaging import clock
from messaging.models import Sender

DEFAULT = "default"


def sync_default(**_: object) -> None:
    """Write the origin of the settings into the first sender's row; runs after every `migrate`.

    Its pace is that of the settings only when the row is made: the operator's later word stands.
    """
    origin = {
        "origin": settings.TWILIO_PHONE_NUMBER,
        "messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID,
    }
    first = origin | {"segments_per_second": settings.TWILIO_SEGMENTS_PER_SECOND, "next_free_at": clock.now()}
    Sender.objects.update_or_create(name=DEFAULT, defaults=origin, create_defaults=first)
