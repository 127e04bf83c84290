"""Fields that let through only values which are safe to store, to send by SMS and to show."""

from typing import Any

import phonenumbers
from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from identity.models import Language
from messaging import numbers

# Characters of the longest number written with "+", country code and separators.
_LONGEST_NUMBER = 32
# The zero-width non-joiner and joiner.
_JOINERS = dict.fromkeys((0x200C, 0x200D))


class PlainTextField(serializers.CharField):
    """A field for one line of visible text.

    It refuses characters that control or reverse the writing: they would garble an SMS or a page.
    """

    default_error_messages = {"unprintable": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        text = " ".join(str(super().to_internal_value(data)).split())
        # Joiners are invisible as well, but some scripts and emoji need them.
        if not text.translate(_JOINERS).isprintable():
            self.fail("unprintable")
        return text


class ChoiceField(serializers.ChoiceField):
    def __init__(self, choices: type[TextChoices], **kwargs: Any) -> None:
        # DRF's own message repeats the value, which may be text that cannot be encoded.
        messages = {"invalid_choice": f"Must be one of {', '.join(choices.values)}."}
        super().__init__(choices=choices.choices, error_messages={**messages}, **kwargs)


class LanguageField(ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Language, **kwargs)


@extend_schema_field({"type": "string", "pattern": r"^\+[1-9]\d{6,14}$", "example": "+996700123456"})
class PhoneNumberField(serializers.CharField):
    """A field for a phone number in international form, stored as E.164, of a country in SMS_COUNTRIES.

    Nobody checks whether the number is assigned: the library's tables do not know the carriers' newest ranges.
    """

    default_error_messages = {
        "invalid_number": "Enter the number with + and the country code.",
        "country_not_allowed": "SMS to this country are not offered.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=_LONGEST_NUMBER, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        try:
            parsed = phonenumbers.parse(text)
        except phonenumbers.NumberParseException:
            self.fail("invalid_number")
        if not phonenumbers.is_possible_number(parsed):
            self.fail("invalid_number")
        number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        if not numbers.is_allowed(number):
            self.fail("country_not_allowed")
        return number
