"""Settings as in production, for `manage.py check --deploy`. Nothing is connected to."""

import os
import secrets

os.environ.update(
    ENV_FILE=os.devnull,
    SECRET_KEY=secrets.token_urlsafe(60),
    DEBUG="false",
    ALLOWED_HOSTS="api.example.org,alert.example",
    PUBLIC_BASE_URL="https://api.example.org",
    LINK_BASE_URL="https://alert.example",
    DATABASE_URL="postgres://nobody:none@127.0.0.1:1/none",
    RABBITMQ_URL="amqp://nobody:none@127.0.0.1:1/none",
    TWILIO_ACCOUNT_SID="AC" + "0" * 32,
    TWILIO_AUTH_TOKEN=secrets.token_hex(16),
    TWILIO_PHONE_NUMBER="+15005550006",
)

from config.settings import *  # noqa: F403
