"""The variables that have no default, for settings that only read the code and connect to nothing."""

ENVIRONMENT = {
    "SECRET_KEY": "only-for-static-checks-" + "0123456789" * 4,
    "DATA_KEYS": "for-static-checks-only-" + "0123456789" * 4,
    "ALLOWED_HOSTS": "*",
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "RABBITMQ_URL": "memory://local",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "0" * 32,
    "TWILIO_PHONE_NUMBER": "+15005550006",
}
