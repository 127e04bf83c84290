from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import deadletters
from config.models import DeadLetter
from messaging.database import clock


class Command(BaseCommand):
    help = "Broker messages that no worker could process. A replayed message is published once more, by a scheduler."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["list", "replay", "purge"])
        parser.add_argument("ids", nargs="*", type=int, metavar="id")
        parser.add_argument("--all", action="store_true", help="replay or purge all of them")

    def handle(self, *args: Any, what: str, ids: list[int], **options: Any) -> None:
        if what == "list":
            return self._list()
        if bool(ids) is options["all"]:
            raise CommandError("Give ids, or --all.")
        chosen = DeadLetter.objects.all() if options["all"] else DeadLetter.objects.filter(id__in=ids)
        if what == "replay":
            asked = deadletters.ask_replay(list(chosen.values_list("id", flat=True)), now=clock.now())
            self.stdout.write(f"{asked} will be published within a second by a scheduler; the rest cannot be.")
        else:
            self.stdout.write(f"{chosen.delete()[0]} forgotten.")
        return None

    def _list(self) -> None:
        for letter in DeadLetter.objects.order_by("id"):
            call = "withheld" if letter.arguments is None else f"{letter.actor}{tuple(letter.arguments)}"
            replayed = f", replayed {letter.replayed_at:%Y-%m-%d %H:%M:%S}" if letter.replayed_at else ""
            self.stdout.write(
                f"{letter.id}  {letter.queue}  {letter.actor or '?'}  {letter.reason} x{letter.times}"
                f"  last {letter.last_at:%Y-%m-%d %H:%M:%S} UTC{replayed}  {call}"
            )
