"""Why a contact did not get an SMS or a call, in sentences that the person in danger understands.

messaging says why: a Refusal of the outbox, or a Failure that the provider's code stands for.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_noop as _

from messaging.models import Channel
from messaging.outbox.refusals import Refusal
from messaging.providers import Failure, registry


class Reason(TextChoices):
    INVALID_NUMBER = "invalid_number"
    CANNOT_RECEIVE_SMS = "cannot_receive_sms"
    REFUSES_SMS = "refuses_sms"
    PHONE_UNREACHABLE = "phone_unreachable"
    NUMBER_NOT_IN_USE = "number_not_in_use"
    BLOCKED_BY_CARRIER = "blocked_by_carrier"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    RECIPIENT_CEILING = "recipient_ceiling"
    NOT_CONFIRMED = "not_confirmed"
    SERVICE_TROUBLE = "service_trouble"
    NOT_DELIVERED = "not_delivered"
    TOO_LATE = "too_late"
    ALERT_ENDED = "alert_ended"
    UNCONFIRMED = "unconfirmed"
    # Calls, and messages that are sent only when nobody has answered.
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANNOT_BE_CALLED = "cannot_be_called"
    COUNTRY_NOT_CALLED = "country_not_called"
    CALL_CEILING = "call_ceiling"
    CALL_TROUBLE = "call_trouble"
    CALL_FAILED = "call_failed"
    CALL_TOO_LATE = "call_too_late"
    CALL_UNCONFIRMED = "call_unconfirmed"
    NOT_NEEDED = "not_needed"


_SMS: dict[Failure | str, Reason] = {
    Refusal.COUNTRY_NOT_ALLOWED: Reason.COUNTRY_NOT_ALLOWED,
    Refusal.RECIPIENT_CEILING: Reason.RECIPIENT_CEILING,
    Refusal.NOT_CONFIRMED: Reason.NOT_CONFIRMED,
    Refusal.OPTED_OUT: Reason.REFUSES_SMS,
    Refusal.NO_SENDER: Reason.SERVICE_TROUBLE,
    Refusal.DAILY_CAP: Reason.SERVICE_TROUBLE,
    Failure.INVALID_ADDRESS: Reason.INVALID_NUMBER,
    Failure.CANNOT_RECEIVE: Reason.CANNOT_RECEIVE_SMS,
    Failure.NOT_IN_USE: Reason.NUMBER_NOT_IN_USE,
    Failure.UNREACHABLE: Reason.PHONE_UNREACHABLE,
    Failure.OPTED_OUT: Reason.REFUSES_SMS,
    Failure.REFUSED: Reason.REFUSES_SMS,
    Failure.BLOCKED: Reason.BLOCKED_BY_CARRIER,
    Failure.COUNTRY_NOT_ALLOWED: Reason.COUNTRY_NOT_ALLOWED,
    Failure.NOT_COMPLETED: Reason.NOT_DELIVERED,
    # The alarms of the operator name the code.
    Failure.TROUBLE: Reason.SERVICE_TROUBLE,
}
_CALL: dict[Failure | str, Reason] = {
    Refusal.COUNTRY_NOT_ALLOWED: Reason.COUNTRY_NOT_CALLED,
    Refusal.RECIPIENT_CEILING: Reason.CALL_CEILING,
    Refusal.CANNOT_BE_SAID: Reason.CALL_TROUBLE,
    Refusal.NO_SENDER: Reason.CALL_TROUBLE,
    Refusal.DAILY_CAP: Reason.CALL_TROUBLE,
    Failure.INVALID_ADDRESS: Reason.INVALID_NUMBER,
    Failure.CANNOT_RECEIVE: Reason.CANNOT_BE_CALLED,
    Failure.COUNTRY_NOT_ALLOWED: Reason.COUNTRY_NOT_CALLED,
    Failure.BUSY: Reason.BUSY,
    Failure.NO_ANSWER: Reason.NO_ANSWER,
    Failure.NOT_COMPLETED: Reason.CALL_FAILED,
    Failure.TROUBLE: Reason.CALL_TROUBLE,
}
_REASONS = {Channel.SMS: _SMS, Channel.VOICE: _CALL}


def reason_of_code(channel: Channel, code: str) -> Reason | None:
    """The reason that a message's error code stands for; None: there is no code, or the code stands for no reason."""
    return _REASONS[channel].get(registry.failure(channel, code) or code)


SENTENCES = {
    Reason.INVALID_NUMBER: _("{name}'s number is not a valid phone number"),
    Reason.CANNOT_RECEIVE_SMS: _("{name}'s number cannot receive SMS"),
    Reason.REFUSES_SMS: _("{name}'s number refuses SMS"),
    Reason.PHONE_UNREACHABLE: _("{name}'s phone is off or out of reach"),
    Reason.NUMBER_NOT_IN_USE: _("{name}'s number is not in use"),
    Reason.BLOCKED_BY_CARRIER: _("the carrier blocked the SMS to {name}"),
    Reason.COUNTRY_NOT_ALLOWED: _("SMS cannot be sent to the country of {name}'s number"),
    Reason.RECIPIENT_CEILING: _("{name}'s number already got its emergency SMS of this hour"),
    Reason.NOT_CONFIRMED: _("{name} has not agreed to be your contact and was told often today"),
    Reason.SERVICE_TROUBLE: _("the SMS service has trouble sending to {name}"),
    Reason.NOT_DELIVERED: _("the SMS to {name} was not delivered"),
    Reason.TOO_LATE: _("the SMS to {name} could not be sent in time"),
    Reason.ALERT_ENDED: _("{name} was not told: the alert had ended"),
    Reason.UNCONFIRMED: _("it is not known whether {name} got the SMS"),
    Reason.BUSY: _("{name}'s phone was busy"),
    Reason.NO_ANSWER: _("{name} did not pick up"),
    Reason.CANNOT_BE_CALLED: _("{name}'s number cannot be called"),
    Reason.COUNTRY_NOT_CALLED: _("the country of {name}'s number cannot be called"),
    Reason.CALL_CEILING: _("{name} was already called as often as allowed this hour"),
    Reason.CALL_TROUBLE: _("the phone service has trouble calling {name}"),
    Reason.CALL_FAILED: _("the call to {name} did not get through"),
    Reason.CALL_TOO_LATE: _("{name} could not be called in time"),
    Reason.CALL_UNCONFIRMED: _("it is not known whether {name}'s phone rang"),
    Reason.NOT_NEEDED: _("{name} was not called or reminded: it was no longer needed"),
}
