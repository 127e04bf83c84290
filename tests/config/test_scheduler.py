"""Work that the scheduler does by itself when no worker does it."""

import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from config import periodic
from config.models import PeriodicRun
from config.periodic import PERIODIC, Periodic
from config.scheduler import Scheduler
from deploy.local.processes import wait_until
from messaging.delivery import courier
from messaging.models import Deliverer, OperatorAlarm

SECOND = timedelta(seconds=1)


@contextmanager
def running(scheduler: Scheduler) -> Iterator[None]:
    def run() -> None:
        scheduler.run()  # Grants keep the connection open.
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        scheduler.stop()
        thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    monkeypatch.setattr(courier, "_couriers", {})
    yield Scheduler()
    courier.courier(by=Deliverer.SCHEDULER).close()


@pytest.mark.django_db(transaction=True)
def test_neglected_work_that_hangs_or_fails_keeps_no_other_waiting(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    done: list[str] = []

    def hang(**_: object) -> int:
        ended.wait(30)
        return 0

    def fail(**_: object) -> int:
        raise ValueError

    def escalate(**_: object) -> int:
        done.append("escalate")
        return 1

    work: dict[str, Callable[..., int]] = {"collect_dead_letters": hang, "mail_alarms": fail, "escalate": escalate}
    monkeypatch.setattr(
        periodic,
        "PERIODIC",
        {name: Periodic(run=run, every=PERIODIC[name].every, patience=SECOND) for name, run in work.items()},
    )
    with running(scheduler):
        try:
            assert wait_until(lambda: len(done) >= 2, timeout_s=20)
        finally:
            ended.set()
    assert PeriodicRun.objects.exclude(completed_at=None).filter(name="escalate").exists()
    assert OperatorAlarm.objects.filter(code="workers_did_not_run").exists()


def test_its_calls_may_hold_as_many_sockets_as_a_workers(scheduler_at_a_low_limit: int) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == scheduler_at_a_low_limit


@pytest.fixture
def scheduler_at_a_low_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Start a scheduler with a limit of 512 open files; yields the most that the system allows."""
    at_first, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
    monkeypatch.setattr(courier, "_couriers", {})
    try:
        Scheduler()
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (at_first, most))
        courier.courier(by=Deliverer.SCHEDULER).close()
