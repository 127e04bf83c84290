from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alerts.models import TimelineSeal
from alerts.timeline import sealing


class Command(BaseCommand):
    help = "Compute the chain of every sealed timeline again and name altered alerts. Exit code 1 if there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        checked = altered = 0
        for alert_id in TimelineSeal.objects.order_by("alert_id").values_list("alert_id", flat=True).iterator():
            checked += 1
            if broken := sealing.broken_at(alert_id, sealing.entries_of(alert_id)):
                altered += 1
                self.stdout.write(f"alert {alert_id}: entry {broken} is not as it was sealed")
        if altered:
            raise CommandError(f"{altered} of {checked} timelines were altered.")
        self.stdout.write(f"{checked} timelines are as they were sealed.")
