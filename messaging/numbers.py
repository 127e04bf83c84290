"""Which numbers a message may go to: a country allow-list, against SMS pumping; and where a number belongs."""

import re

import phonenumbers
from django.conf import settings

# One spelling for each number: parse() also takes spaces, extensions and the digits of other scripts.
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def is_e164(address: str) -> bool:
    return bool(_E164.fullmatch(address))


def is_allowed(address: str) -> bool:
    """Whether this is a valid number in E.164 form and of a country in SMS_COUNTRIES."""
    if not is_e164(address):
        return False
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_possible_number(number)
        and phonenumbers.region_code_for_country_code(number.country_code or 0) != "ZZ"
        and bool(_regions(number) & set(settings.SMS_COUNTRIES))
    )


def _regions(number: phonenumbers.PhoneNumber) -> set[str]:
    region = phonenumbers.region_code_for_number(number)
    return {region} if region else set()


def calling_code(address: str) -> str:
    """The calling code of an E.164 number, like +996 (ITU-T E.164 annex D: none begins with another); "" of what is
    no number."""
    if not is_e164(address):
        return ""
    codes = (address[1 : 1 + digits] for digits in (1, 2, 3))
    return next((f"+{code}" for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")
