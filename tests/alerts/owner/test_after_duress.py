"""Messages that go on after the duress PIN look as after a real end, whatever the engine and the provider do."""

import pytest

from alerts.owner import even_timing
from messaging.delivery import sweeping
from messaging.models import Attempt, AttemptOutcome
from messaging.states import State
from tests.alerts.engine import drive, step
from tests.alerts.sos.twins import Twin, alike, make_twins

pytestmark = pytest.mark.django_db

Twins = tuple[Twin, Twin]


@pytest.fixture(autouse=True)
def _answers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)


@pytest.fixture
def twins() -> Twins:
    return make_twins("Aida", "Bek")


def look_alike(twins: Twins) -> None:
    alike(twins, lambda twin: twin.get())
    alike(twins, lambda twin: twin.get("timeline/"))


def test_a_message_that_is_queued_again_looks_like_one_that_expired(twins: Twins) -> None:
    for twin in twins:
        twin.press()
        drive(twin.messages()[0], State.SENDING)
        twin.end()
        Attempt.objects.filter(message=twin.messages()[0]).update(outcome=AttemptOutcome.NOT_CREATED)
        assert step(twin.messages()[0], State.QUEUED, code="20503")
    sweeping.sweep()
    assert twins[0].messages()[0].state == State.EXPIRED
    look_alike(twins)
