"""Checks message addresses: for SMS and calls the country of the phone number, for e-mail the form."""

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from messaging import numbers
from messaging.models import Channel
from messaging.outbox.refusals import Refusal

# RFC 5321, 4.5.3.1: every mail server must take addresses of this many characters.
_MAX_EMAIL, _MAX_LOCAL_PART = 254, 64


def refusal(channel: Channel, address: str) -> str:
    """The Refusal of a message to this address, as text; "" if a message may be sent there."""
    if channel == Channel.EMAIL:
        return "" if _is_email(address) else Refusal.ADDRESS_NOT_VALID
    return "" if numbers.is_allowed(address) else Refusal.COUNTRY_NOT_ALLOWED


def storable(address: str) -> str:
    """The address without NUL characters and cut to 254 characters: the database can store a refused one too."""
    return address.replace("\0", "")[:_MAX_EMAIL]


def _is_email(address: str) -> bool:
    if len(address) > _MAX_EMAIL or len(address.rpartition("@")[0]) > _MAX_LOCAL_PART or not address.isprintable():
        return False
    try:
        EmailValidator()(address)
    except ValidationError:
        return False
    return True
