import signal
from typing import Any

from django.core.management.base import BaseCommand

from config.scheduler import Scheduler
from config.warming import refuse_published_secrets


class Command(BaseCommand):
    help = "Grants and publishes messages, rescues overdue ones, and asks for periodic work. Run two or more."

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_published_secrets()
        scheduler = Scheduler()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.stop())
        scheduler.run()
