"""Settings as in production, for `manage.py check --deploy`. Nothing is connected to."""

import os
import secrets
from logging import getLogger

from tests.static_environment import ENVIRONMENT

os.environ.update(
    ENVIRONMENT,
    ENV_FILE=os.devnull,
    SECRET_KEY=secrets.token_urlsafe(60),
    DEBUG="false",
    ALLOWED_HOSTS="api.example.org,alert.example",
    PUBLIC_BASE_URL="https://api.example.org",
    LINK_BASE_URL="https://alert.example",
    RABBITMQ_URL="amqp://nobody:none@127.0.0.1:1/none",
)

from config.settings import *  # noqa: F403

# Some checks ask for a connection and do without; the pool would report each try.
getLogger("psycopg.pool").disabled = True
