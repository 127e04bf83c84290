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
    """The weeks that fixes are kept in exist before the first process starts."""
    # They import models, which are there only now.
    from geo import partitions
    from messaging.database import clock

    partitions.ensure(now=clock.now(), kept_for=timedelta(days=settings.LOCATION_DAYS))
