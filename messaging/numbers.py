"""Which numbers an SMS may go to: a country allow-list, against SMS pumping."""

import re

import phonenumbers
from django.conf import settings

# One spelling for each number: parse() also takes spaces, extensions and the digits of other scripts.
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def is_allowed(address: str) -> bool:
    """Whether this is a valid number in E.164 form and of a country in SMS_COUNTRIES."""
    if not _E164.fullmatch(address):
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
