"""Prepares a process before it takes work: checks the secrets, and loads data that the first request would wait for."""

import phonenumbers
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver
from django.utils.translation import gettext, override


def refuse_published_secrets() -> None:
    """Raise ImproperlyConfigured if a secret is still that of `.env.example`, which everybody knows.

    Anybody could then sign tokens and callbacks, or decrypt stored data.
    """
    for name in ("SECRET_KEY", "DATA_KEYS", "TWILIO_AUTH_TOKEN"):
        if "change-me" in str(getattr(settings, name)):
            raise ImproperlyConfigured(f"{name} is the example's: put one of your own into it.")


def warm_up() -> None:
    """Load URLs, phone metadata, translations and the password hasher, which are otherwise loaded on first use.

    It opens no connection, because the process may fork afterwards.
    """
    _ = get_resolver().url_patterns
    for country in settings.SMS_COUNTRIES:
        phonenumbers.example_number(country)
        phonenumbers.is_valid_number_for_region(phonenumbers.PhoneNumber(), country)
    for language, _name in settings.LANGUAGES:
        with override(language):
            gettext("warm")
    make_password("warm")
