"""The reasons for which the outbox refuses to send a message.

A refused message is stored as `failed`, with the reason as its error code.
"""

from django.db.models import TextChoices


class Refusal(TextChoices):
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    ADDRESS_NOT_VALID = "address_not_valid"
    NO_SENDER = "no_sender", "no sender can carry it"
    CANNOT_BE_SAID = "cannot_be_said", "no voice and no prompt can say it in this language"
    OPTED_OUT = "opted_out", "its reader asked for no more messages of this class"
    DAILY_CAP = "daily_cap", "its class has used up the day"
    RECIPIENT_CEILING = "recipient_ceiling", "its reader had as many this hour as one may get"
    NOT_CONFIRMED = "not_confirmed", "its reader has not confirmed to be a contact and was told often"
