"""Fields that let through only values which are safe to store, to send by SMS and to show."""

import unicodedata
from typing import Any

import phonenumbers
from django.db.models import TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from identity import names
from identity.models import Language
from messaging import numbers

# Characters of the longest number written with "+", country code and separators.
_LONGEST_NUMBER = 32


class PlainTextField(serializers.CharField):
    """One line of visible text. Invisible characters and direction marks are dropped, control characters refused."""

    default_error_messages = {"unprintable": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        text = " ".join(str(super().to_internal_value(data)).split())
        # Not isprintable(): it refuses emoji that are newer than this Python.
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            self.fail("unprintable")
        return self._not_blank(names.visible(text))

    def _not_blank(self, text: str) -> str:
        if not text and not self.allow_blank:
            self.fail("blank")
        return text


class NameField(PlainTextField):
    """A name that texts to other people may carry: see identity/names.py."""

    default_error_messages = {
        "not_a_name": "Use letters, spaces, apostrophes and hyphens, and a period only after an initial.",
        "reserved_name": "A text with this name would be taken for one of ours or of the police. Choose another.",
    }

    def to_internal_value(self, data: Any) -> str:
        name = self._not_blank(names.tidy(super().to_internal_value(data)))
        if name and not names.is_name(name):
            self.fail("not_a_name")
        if names.is_reserved(name):
            self.fail("reserved_name")
        return name


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

    Only its length is checked, not whether it is assigned: the tables of `phonenumbers` lack the newest numbers.
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


class ReachableNumberField(PhoneNumberField):
    """A phone number of a person: no premium rate, shared cost, toll-free, company, pager or voicemail number.

    A number whose type `phonenumbers` does not know is accepted: its tables lack the newest numbers.
    """

    default_error_messages = {"number_type_refused": "Enter the number of a mobile or a fixed line."}

    def to_internal_value(self, data: Any) -> str:
        number = super().to_internal_value(data)
        if not numbers.is_personal(number):
            self.fail("number_type_refused")
        return number
