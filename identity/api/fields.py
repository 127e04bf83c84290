"""Fields whose values are safe to store, to send by SMS and to show."""

from typing import Any

import phonenumbers
from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from identity.models import Language
from messaging import numbers

# "+", a country code and a number: the longest that can be written with separators.
_LONGEST_NUMBER = 32
_JOINERS = dict.fromkeys((0x200C, 0x200D))


class PlainTextField(serializers.CharField):
    """One line of visible text: control and direction-changing characters would garble an SMS or a page."""

    default_error_messages = {"unprintable": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        text = " ".join(str(super().to_internal_value(data)).split())
        # Joiners are invisible too, but some scripts and emoji need them.
        if not text.translate(_JOINERS).isprintable():
            self.fail("unprintable")
        return text


class ChoiceField(serializers.ChoiceField):
    def __init__(self, choices: type[TextChoices], **kwargs: Any) -> None:
        # DRF's own message repeats what came, which may be text that cannot be encoded.
        messages = {"invalid_choice": f"Must be one of {', '.join(choices.values)}."}
        super().__init__(choices=choices.choices, error_messages={**messages}, **kwargs)


class LanguageField(ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Language, **kwargs)


@extend_schema_field({"type": "string", "pattern": r"^\+[1-9]\d{6,14}$", "example": "+996700123456"})
class PhoneNumberField(serializers.CharField):
    """A number in international form, as E.164, of a country SMS may go to.

    Whether the number is assigned is not looked up: the library's tables are behind what carriers open.
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
