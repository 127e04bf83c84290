"""/healthz says that this process runs; /readyz that this process, and a scheduler, can do their work."""

from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from config.models import SchedulerTick
from messaging.database import clock

TICK_WITHIN = timedelta(seconds=5)


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 if all three checks say "ok", else 503. A check that fails says why."""
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
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _scheduler() -> str:
    tick = SchedulerTick.objects.first()
    if tick is None:
        return "never ran"
    age = clock.now() - tick.at
    return "ok" if age <= TICK_WITHIN else f"last tick {age.total_seconds():.0f} s ago"
