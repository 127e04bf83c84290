import os
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.exports import bundle, contents, signing
from alerts.models import SosAlert
from messaging.database import clock


class Command(BaseCommand):
    help = (
        "Write an alert as a signed export with everything that is known about it, also facts that its owner is not"
        " shown under duress. Never give it to a person who may hold the owner's phone. `verifyexport` checks it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("alert_id", type=UUID)
        parser.add_argument("--output", type=Path, required=True, help="a file that does not exist yet")

    def handle(self, *args: Any, alert_id: UUID, output: Path, **options: Any) -> None:
        alert = SosAlert.objects.select_related("owner").filter(id=alert_id).first()
        if alert is None:
            raise CommandError("There is no such alert.")
        now = clock.now()
        whole = contents.whole(alert, now=now)
        chunks = bundle.write(whole, key=signing.signing_key(whole.view), by=settings.PUBLIC_BASE_URL, now=now)
        try:
            descriptor = os.open(output, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(chunks)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Written: {output}, {output.stat().st_size} bytes.")
