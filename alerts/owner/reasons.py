"""Why a contact did not get an SMS or a call, in words the person in danger understands.

The codes are the outbox's and Twilio's: https://www.twilio.com/docs/api/errors.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_noop as _

from messaging.models import Channel


class Reason(TextChoices):
    INVALID_NUMBER = "invalid_number"
    CANNOT_RECEIVE_SMS = "cannot_receive_sms"
    REFUSES_SMS = "refuses_sms"
    PHONE_UNREACHABLE = "phone_unreachable"
    NUMBER_NOT_IN_USE = "number_not_in_use"
    BLOCKED_BY_CARRIER = "blocked_by_carrier"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    RECIPIENT_CEILING = "recipient_ceiling"
    SERVICE_TROUBLE = "service_trouble"
    NOT_DELIVERED = "not_delivered"
    TOO_LATE = "too_late"
    ALERT_ENDED = "alert_ended"
    UNCONFIRMED = "unconfirmed"
    # Of calls, and of what is only sent when nobody has answered.
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


_OF_SMS = {
    "country_not_allowed": Reason.COUNTRY_NOT_ALLOWED,
    "recipient_ceiling": Reason.RECIPIENT_CEILING,
    "opted_out": Reason.REFUSES_SMS,
    "no_sender": Reason.SERVICE_TROUBLE,
    "daily_cap": Reason.SERVICE_TROUBLE,
    "21211": Reason.INVALID_NUMBER,
    "21408": Reason.COUNTRY_NOT_ALLOWED,
    "21610": Reason.REFUSES_SMS,
    "21612": Reason.CANNOT_RECEIVE_SMS,
    "21614": Reason.CANNOT_RECEIVE_SMS,
    "21635": Reason.CANNOT_RECEIVE_SMS,
    "30002": Reason.SERVICE_TROUBLE,
    "30003": Reason.PHONE_UNREACHABLE,
    "30004": Reason.REFUSES_SMS,
    "30005": Reason.NUMBER_NOT_IN_USE,
    "30006": Reason.CANNOT_RECEIVE_SMS,
    "30007": Reason.BLOCKED_BY_CARRIER,
    "30034": Reason.BLOCKED_BY_CARRIER,
    "30450": Reason.BLOCKED_BY_CARRIER,
    # What only the operator or the provider can put right: their alarms tell them the code.
    **dict.fromkeys(
        ("20003", "20404", "20429", "20500", "20503", "21602", "21603", "21606", "21608", "21611", "21617"),
        Reason.SERVICE_TROUBLE,
    ),
    **dict.fromkeys(("30001", "30008", "30410", "63038"), Reason.SERVICE_TROUBLE),
}

_OF_CALL = {
    "busy": Reason.BUSY,
    "no-answer": Reason.NO_ANSWER,
    "failed": Reason.CALL_FAILED,
    "canceled": Reason.CALL_FAILED,
    "country_not_allowed": Reason.COUNTRY_NOT_CALLED,
    "recipient_ceiling": Reason.CALL_CEILING,
    **dict.fromkeys(("13224", "13226", "21211", "21217"), Reason.INVALID_NUMBER),
    **dict.fromkeys(("13225", "21214", "21216"), Reason.CANNOT_BE_CALLED),
    **dict.fromkeys(("13227", "21215"), Reason.COUNTRY_NOT_CALLED),
    **dict.fromkeys(("cannot_be_said", "no_sender", "daily_cap"), Reason.CALL_TROUBLE),
    **dict.fromkeys(("10001", "10002", "10003", "10004", "12100", "13214", "21201", "21205"), Reason.CALL_TROUBLE),
    **dict.fromkeys(("21210", "21212", "21213", "21219", "21609", "21626"), Reason.CALL_TROUBLE),
    **dict.fromkeys(("20003", "20404", "20429", "20500", "20503", "63038"), Reason.CALL_TROUBLE),
}

REASON_OF_CODE = {Channel.SMS: _OF_SMS, Channel.VOICE: _OF_CALL}

SENTENCES = {
    Reason.INVALID_NUMBER: _("{name}'s number is not a valid phone number"),
    Reason.CANNOT_RECEIVE_SMS: _("{name}'s number cannot receive SMS"),
    Reason.REFUSES_SMS: _("{name}'s number refuses SMS"),
    Reason.PHONE_UNREACHABLE: _("{name}'s phone is off or out of reach"),
    Reason.NUMBER_NOT_IN_USE: _("{name}'s number is not in use"),
    Reason.BLOCKED_BY_CARRIER: _("the carrier blocked the SMS to {name}"),
    Reason.COUNTRY_NOT_ALLOWED: _("SMS cannot be sent to the country of {name}'s number"),
    Reason.RECIPIENT_CEILING: _("{name}'s number already got its emergency SMS of this hour"),
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
