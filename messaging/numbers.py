"""Which numbers an SMS may go to: a country allow-list, against SMS pumping."""

import phonenumbers
from django.conf import settings


def is_allowed(address: str) -> bool:
    """Whether an E.164 number is valid and of a country in SMS_COUNTRIES."""
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
