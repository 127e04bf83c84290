from datetime import timedelta

import pytest

from config import periodic
from config.models import PeriodicRun
from config.periodic import PERIODIC, take_due, take_neglected
from messaging.database import clock
from tests.messaging.engine import all_of
from tests.race import at_once

NAMES = sorted(PERIODIC)
SOON = timedelta(seconds=1)


def let_pass(time: timedelta) -> None:
    for row in PeriodicRun.objects.all():
        row.due_at -= time
        row.asked_at = row.asked_at - time if row.asked_at else None
        row.completed_at = row.completed_at - time if row.completed_at else None
        row.save()


@pytest.mark.django_db
def test_due_work_is_taken_once_and_again_when_due_again() -> None:
    assert sorted(take_due()) == NAMES
    assert take_due() == []
    half_a_minute = timedelta(seconds=30)
    let_pass(half_a_minute + SOON)
    assert sorted(take_due()) == [name for name in NAMES if PERIODIC[name].every <= half_a_minute]


@pytest.mark.django_db(transaction=True)
def test_of_several_schedulers_one_takes_each_work() -> None:
    take_due()
    let_pass(timedelta(hours=1))
    taken = all_of(at_once(take_due, take_due, take_due))
    assert sorted(taken) == NAMES


@pytest.mark.django_db(transaction=True)
def test_the_very_first_take_is_shared_too() -> None:
    assert sorted(all_of(at_once(take_due, take_due, take_due))) == NAMES


@pytest.mark.django_db(transaction=True)
def test_neglected_work_becomes_one_schedulers() -> None:
    take_due()
    assert take_neglected() == []
    let_pass(max(work.patience for work in PERIODIC.values()) + SOON)
    assert sorted(all_of(at_once(take_neglected, take_neglected, take_neglected))) == NAMES
    assert take_neglected() == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_work_that_is_asked_for_again_and_again_is_neglected_all_the_same(name: str) -> None:
    """Most work is due again before the patience with a worker has ended."""
    waited = timedelta(0)
    while name not in take_neglected():
        assert waited <= PERIODIC[name].patience, "nobody has noticed"
        take_due()
        let_pass(SOON)
        waited += SOON
    assert name not in take_neglected()
    take_due()
    let_pass(PERIODIC[name].every)
    take_due()
    let_pass(PERIODIC[name].patience)
    assert name in take_neglected()


@pytest.mark.django_db
def test_work_done_in_time_is_not_neglected() -> None:
    take_due()
    for name in NAMES:
        periodic.run(name)
    let_pass(timedelta(hours=1))
    assert take_neglected() == []
    done = PeriodicRun.objects.get(name="mail_alarms")
    assert done.completed_at is not None
    assert done.completed_at < clock.now() - timedelta(minutes=59)


@pytest.mark.django_db
def test_work_that_was_removed_from_the_table_harms_nobody() -> None:
    PeriodicRun.objects.create(name="of an older release", due_at=clock.now(), asked_at=clock.now() - timedelta(days=1))
    assert sorted(take_due()) == NAMES
    assert take_neglected() == []
    with pytest.raises(KeyError):
        periodic.run("of an older release")
