from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from identity.models import User
from identity.staff import factors
from messaging.database import clock


class Command(BaseCommand):
    help = "Give an operator a second factor for the admin: a secret for an authenticator app, and recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone_number", help="The operator's number, like +996700123456.")

    def handle(self, *args: Any, phone_number: str, **options: Any) -> None:
        person = User.objects.filter(phone_number=phone_number, is_staff=True, is_active=True).first()
        if person is None:
            raise CommandError("No operator has this number. `manage.py createsuperuser` makes one.")
        enrolled = factors.enrol(person, now=clock.now())
        self.stdout.write("Shown only this once; earlier secrets and codes no longer count.")
        self.stdout.write(f"Secret for the authenticator app: {enrolled.secret}")
        self.stdout.write(f"The same as text for a QR code: {enrolled.url}")
        self.stdout.write("Recovery codes, each for one log-in:")
        for code in enrolled.recovery_codes:
            self.stdout.write(f"  {code}")
