from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config.models import SchedulerTick
from messaging.database import clock


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def tick(age: timedelta) -> None:
    SchedulerTick.objects.update_or_create(id=1, defaults={"at": clock.now() - age})


def test_alive_needs_nothing() -> None:
    assert Client().get("/healthz").json() == {"status": "alive"}


@pytest.mark.django_db
def test_ready_when_database_migrations_and_scheduler_are() -> None:
    tick(timedelta(seconds=1))
    assert ready() == (200, {"status": "ready", "database": "ok", "migrations": "ok", "scheduler": "ok"})


@pytest.mark.django_db
def test_not_ready_before_a_scheduler_ever_ran() -> None:
    SchedulerTick.objects.all().delete()
    status, checks = ready()
    assert (status, checks["status"], checks["scheduler"]) == (503, "not ready", "never ran")


@pytest.mark.django_db
def test_not_ready_when_the_scheduler_is_silent() -> None:
    tick(timedelta(seconds=42))
    status, checks = ready()
    assert (status, checks["database"]) == (503, "ok")
    assert checks["scheduler"] == "last tick 42 s ago"


@pytest.mark.django_db
def test_not_ready_before_the_migrations_are_applied() -> None:
    tick(timedelta(0))
    MigrationRecorder.Migration.objects.filter(app="messaging").delete()
    status, checks = ready()
    assert (status, checks["migrations"], checks["database"]) == (503, "not applied", "ok")


@pytest.mark.django_db(transaction=True)
def test_not_ready_and_no_error_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    broken = connections.create_connection("default")
    broken.settings_dict = connection.settings_dict | {"PORT": "1", "OPTIONS": {"connect_timeout": 1}}
    monkeypatch.setattr("config.health.connection", broken)
    monkeypatch.setattr(broken, "alias", "default")
    status, checks = ready()
    assert (status, checks) == (
        503,
        {"status": "not ready", "database": "unreachable", "migrations": "unknown", "scheduler": "unknown"},
    )
