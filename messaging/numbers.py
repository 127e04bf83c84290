"""Checks the form of phone numbers, and that their country is in SMS_COUNTRIES.

The list of countries stops SMS pumping: fraud that earns money from SMS to expensive numbers.
"""

import re
from functools import lru_cache

import phonenumbers
from django.conf import settings

# Only the E.164 form is taken, so that each number has one spelling. The library also reads spaces, extensions and the
# digits of other scripts.
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def is_e164(address: str) -> bool:
    return bool(_E164.fullmatch(address))


def is_allowed(address: str) -> bool:
    """Whether this is a number in E.164 form, of a length possible in its country, which is in SMS_COUNTRIES."""
    return _region(address) in settings.SMS_COUNTRIES


# Types of numbers that may be a person's. VoIP numbers cost what fixed lines cost. Not here: premium rate, shared cost,
# toll-free, personal (dear in some countries), company (UAN), pager and voicemail numbers.
_PERSONAL = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.VOIP,
        phonenumbers.PhoneNumberType.UNKNOWN,
    }
)


def is_personal(address: str) -> bool:
    """Whether this E.164 number may be a person's: its type in the country's numbering plan is in _PERSONAL."""
    return phonenumbers.number_type(phonenumbers.parse(address)) in _PERSONAL


# Cached, because each number is checked several times and the library takes longer than all other work on a message.
@lru_cache(maxsize=10_000)
def _region(address: str) -> str | None:
    if not is_e164(address):
        return None
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.region_code_for_number(number) if phonenumbers.is_possible_number(number) else None


def calling_code(address: str) -> str:
    """The calling code of an E.164 number, like +996; "" for any other text.

    No calling code is the beginning of another one (ITU-T E.164, annex D).
    """
    if not is_e164(address):
        return ""
    codes = (address[1 : 1 + digits] for digits in (1, 2, 3))
    return next((f"+{code}" for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")
