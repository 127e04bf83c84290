from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class GeoConfig(AppConfig):
    name = "geo"

    def ready(self) -> None:
        # Models exist only once the apps are ready.
        from identity.pins import signals

        post_migrate.connect(_make_weeks, sender=self)
        signals.pin_typed.connect(_settle)


def _make_weeks(**_: Any) -> None:
    """Make the weekly partitions of the table of fixes after a migration, before the first process starts."""
    # These modules import models, which are not ready earlier.
    from geo import partitions
    from messaging.database import clock

    partitions.ensure(now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))


def _settle(person_id: UUID, settles: bool, **_: Any) -> None:
    """If a safe PIN settles (`settles`), delete the person's hidden zones: what their devices show becomes true, and no
    hidden zone tells contacts any more.
    """
    from geo import zones

    if settles:
        zones.settle(person_id)
