from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alerts.evidence import rekeying
from messaging import encryption


class Command(BaseCommand):
    help = (
        "Encrypts files of evidence that were written plain, and wraps the keys of files under the first key of"
        " DATA_KEYS. The installation may run. Restart every process with the new DATA_KEYS first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not encryption.is_on():
            raise CommandError("DATA_KEYS begins with plain: remove that word and restart every process first.")
        count = rekeying.Count()
        try:
            for count in rekeying.rotate():
                if count.seen % 1_000 == 0:
                    self.stdout.write(f"{count.seen} files and uploads so far, {count.changed} changed")
        except rekeying.OtherRun:
            raise CommandError("Another process does this at the moment.") from None
        self.stdout.write(f"{count.seen} files and uploads, {count.changed} changed.")
        if not count.is_done:
            raise CommandError(
                f"{count.held} held, {count.unreadable} unreadable. Keep the other keys. Held files are without room on"
                " the disk, or uploads that were begun plain: run this again a day later."
            )
        self.stdout.write("Everything is under the first key.")
