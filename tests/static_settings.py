"""Settings for tools that only read the code (the Django plug-in of mypy, makemigrations --check): they connect to
nothing."""

import os

os.environ.update(
    SECRET_KEY="only-for-static-checks-" + "0123456789" * 4,
    DATA_KEYS="for-static-checks-only-" + "0123456789" * 4,
    ALLOWED_HOSTS="*",
    PUBLIC_BASE_URL="http://127.0.0.1:8000",
    DATABASE_URL="postgres://nobody@127.0.0.1:1/none",
    RABBITMQ_URL="memory://local",
    TWILIO_ACCOUNT_SID="AC" + "0" * 32,
    TWILIO_AUTH_TOKEN="0" * 32,
    TWILIO_PHONE_NUMBER="+15005550006",
)

from config.settings import *  # noqa: F403

DATABASES["default"]["OPTIONS"] = {}  # noqa: F405
