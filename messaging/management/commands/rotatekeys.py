from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from messaging import encryption, rotation


class Command(BaseCommand):
    help = (
        "Encrypts plain values, and values under older keys, with the first key of DATA_KEYS. The installation may run."
        " Restart every process with the new DATA_KEYS first. A second run does what the first one left."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not encryption.is_on():
            raise CommandError("DATA_KEYS begins with plain: remove that word and restart every process first.")
        counts = [self._last(each) for each in rotation.everything()]
        if not all(count.is_done for count in counts):
            raise CommandError("Some values are not under the first key. Keep the other keys, and run this again.")
        self.stdout.write("Everything is under the first key.")

    def _last(self, counts: Iterator[rotation.Count]) -> rotation.Count:
        count = rotation.Count("")
        for number, count in enumerate(counts):
            if number % 100 == 99:
                self.stdout.write(f"{count.name}: {count.seen} rows so far, {count.changed} changed")
        self.stdout.write(
            f"{count.name}: {count.seen} rows, {count.changed} changed, {count.held} held by others,"
            f" {count.unreadable} unreadable, {count.double} double"
        )
        return count
