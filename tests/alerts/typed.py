"""The PINs that people in these tests type."""

from django.contrib.auth.hashers import make_password

from identity.models import Pin, User
from messaging.database import clock

SAFE_PIN, DURESS_PIN = "1357", "24680"
_SAFE_HASH, _DURESS_HASH = make_password(SAFE_PIN), make_password(DURESS_PIN)


def set_pins(user: User) -> None:
    Pin.objects.create(user=user, safe_hash=_SAFE_HASH, duress_hash=_DURESS_HASH, set_at=clock.now())
