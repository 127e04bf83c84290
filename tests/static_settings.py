"""Settings for tools that only read the code (the Django plug-in of mypy, makemigrations --check): they connect to
nothing."""

import os

from tests.static_environment import ENVIRONMENT

os.environ.update(ENVIRONMENT)

from config.settings import *  # noqa: F403

DATABASES["default"]["OPTIONS"] = {}  # noqa: F405
