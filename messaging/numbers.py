"""Which numbers a message may go to: a country allow-list, against SMS pumping; and where a number belongs."""

import re
from functools import lru_cache

import phonenumbers
from django.conf import settings

# One spelling for each number: parse() also takes spaces, extensions and the digits of other scripts.
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def is_e164(address: str) -> bool:
    return bool(_E164.fullmatch(address))


def is_allowed(address: str) -> bool:
    """Whether this is a valid number in E.164 form and of a country in SMS_COUNTRIES."""
    return _region(address) in settings.SMS_COUNTRIES


# A number is asked about several times on its way, and the library takes longer than all else that is done with it.
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
    """The calling code of an E.164 number, like +996 (ITU-T E.164 annex D: none begins with another); "" of what is
    no number."""
    if not is_e164(address):
        return ""
    codes = (address[1 : 1 + digits] for digits in (1, 2, 3))
    return next((f"+{code}" for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")
