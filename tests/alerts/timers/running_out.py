"""Timers that are armed through the API, moved by their owner, and brought to their end."""

from datetime import timedelta
from typing import Any

from alerts.models import ActivityTimer
from identity.models import User
from messaging.database import clock
from tests.alerts.conftest import app

URL = "/api/v1/timers/"


def armed(user: User, **body: Any) -> str:
    """Arm a timer of an hour with a grace minute; returns its id."""
    answer = app(user).post(URL, {"duration_s": 3600, "grace_s": 60} | body, format="json")
    assert answer.status_code == 201, answer.data
    return str(answer.data["id"])


def move(user: User, timer_id: str, verb: str, **body: Any) -> Any:
    return app(user).post(f"{URL}{timer_id}/{verb}/", body, format="json")


def run_out(timer_id: str, *, ago: timedelta = timedelta(seconds=1)) -> None:
    """Move the end of the grace minute this far into the past, without a nudge before it."""
    now = clock.now()
    ends_at = now - ago - timedelta(seconds=60)
    ActivityTimer.objects.filter(id=timer_id).update(due_at=now - ago, ends_at=ends_at, nudge_at=None)


def pass_time(url: str, by: timedelta) -> None:
    """Move every time of the timer at this URL back by this much."""
    for timer in ActivityTimer.objects.filter(id=url.split("/")[-2]):
        for name in ("ends_at", "due_at", "nudge_at", "created_at", "updated_at"):
            setattr(timer, name, getattr(timer, name) - by)
        timer.save()
