from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class GeoConfig(AppConfig):
    name = "geo"

    def ready(self) -> None:
        post_migrate.connect(_make_weeks, sender=self)


def _make_weeks(**_: Any) -> None:
    """Make the partitions for fixes before the first process starts."""
    # These modules import models, which are not ready earlier.
    from geo import partitions
    from messaging.database import clock

    partitions.ensure(now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))
