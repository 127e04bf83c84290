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
    """Make the partitions for fixes before the first process starts."""
    # These modules import models, which are not ready earlier.
    from geo import partitions
    from messaging.database import clock

    partitions.ensure(now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))


def _settle(person_id: UUID, settles: bool, **_: Any) -> None:
    """The safe PIN makes true what a person's devices show: no hidden zone tells contacts any more."""
    from geo import zones

    if settles:
        zones.settle(person_id)
