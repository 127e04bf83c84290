import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import run


class Command(BaseCommand):
    help = (
        "AlertMe in one process on a PostgreSQL of its own, and an SOS that reaches five phones. Stays up until"
        " Ctrl-C; with DEMO_EXIT=1 or without a terminal it ends when the story has. DEMO_DIR: its data folder."
    )
    # System checks may ask for the database, which starts later.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.RABBITMQ_URLS[0].startswith("memory:"):
            raise CommandError("The demo brings its own servers, and starts only as `manage.py demo`.")
        sys.exit(run.demo())
