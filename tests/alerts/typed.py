"""The PINs that people in these tests type."""

from django.contrib.auth.hashers import make_password
from django.db.models import F

from identity.models import AcceptedPin, Pin, User
from identity.pins.tries import HELD_FOR
from messaging.database import clock

SAFE_PIN, DURESS_PIN = "1357", "24680"
_SAFE_HASH, _DURESS_HASH = make_password(SAFE_PIN), make_password(DURESS_PIN)


def set_pins(user: User) -> None:
    Pin.objects.create(user=user, safe_hash=_SAFE_HASH, duress_hash=_DURESS_HASH, set_at=clock.now())


def pass_the_hour() -> None:
    """After it, both PINs are heard again for things for which one was accepted."""
    AcceptedPin.objects.update(at=F("at") - HELD_FOR)
