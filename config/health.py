"""/healthz says that this process runs. /readyz says that database and migrations are ready and a scheduler works."""

from datetime import timedelta
from functools import lru_cache

from django.db import DatabaseError, ProgrammingError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse

from config.models import SchedulerTick
from messaging.database import clock

TICK_WITHIN = timedelta(seconds=5)


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 if database, migrations and scheduler are "ok", else 503. The body says what is wrong with each."""
    checks = {"database": "ok", "migrations": "ok", "scheduler": "ok"}
    try:
        if _unapplied():
            checks["migrations"] = "not applied"
        else:
            checks["scheduler"] = _scheduler()
    except DatabaseError:
        checks = {"database": "unreachable", "migrations": "unknown", "scheduler": "unknown"}
    ready = all(result == "ok" for result in checks.values())
    return JsonResponse({"status": "ready" if ready else "not ready"} | checks, status=200 if ready else 503)


def _unapplied() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except ProgrammingError:
        return True  # The table of migrations does not exist yet.
    return bool(_migrations() - applied)


@lru_cache(maxsize=1)
def _migrations() -> frozenset[tuple[str, str]]:
    """All migrations of this release. The files are read once: that takes 50 ms."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _scheduler() -> str:
    tick = SchedulerTick.objects.first()
    if tick is None:
        return "never ran"
    age = clock.now() - tick.at
    return "ok" if age <= TICK_WITHIN else f"last tick {age.total_seconds():.0f} s ago"
