"""What Django and its libraries load lazily, at a cost to whoever comes first: not to somebody's SOS."""

import phonenumbers
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.urls import get_resolver
from django.utils.translation import gettext, override


def warm_up() -> None:
    """Load URLs, phone metadata, translations and the password hasher. Opens no connection: a fork may follow."""
    _ = get_resolver().url_patterns
    for country in settings.SMS_COUNTRIES:
        phonenumbers.example_number(country)
        phonenumbers.is_valid_number_for_region(phonenumbers.PhoneNumber(), country)
    for language, _name in settings.LANGUAGES:
        with override(language):
            gettext("warm")
    make_password("warm")
