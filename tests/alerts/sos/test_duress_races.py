"""Ends with PINs that meet on real connections. One comes first, and each contact's texts agree with that order."""

from functools import partial
from typing import Any

import pytest

from alerts.models import EventKind, NotificationKind, SosAlert
from identity.models import User
from identity.pins import even_timing
from messaging.database import clock
from messaging.models import Deliverer
from messaging.moves import Change, move
from messaging.states import State
from tests.alerts.conftest import Contacts, app
from tests.alerts.engine import all_clears, drive, messages
from tests.alerts.typed import DURESS_PIN, SAFE_PIN, pass_the_hour, set_pins
from tests.race import at_once

URL = "/api/v1/sos-alerts/"
ROUNDS = 4

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _pins(ana: User, contacts: Contacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_timing, "STEP_S", 0.001)
    set_pins(ana)
    contacts("Aida", "Bek")


def press(user: User) -> str:
    alert = str(app(user).post(URL, {}, format="json").data["id"])
    drive(messages(alert)[0], State.SENT)
    return alert


def end(user: User, alert: str, pin: str, how: str = "cancel") -> Any:
    """End the alert. Ask again, as an app does, when a busy machine did not get the lock in time."""
    while True:
        answer = app(user).post(f"{URL}{alert}/{how}/", {"pin": pin}, format="json")
        if answer.status_code != 503:
            return answer


def kinds(alert: str) -> list[str]:
    return list(SosAlert.objects.get(id=alert).events.order_by("id").values_list("kind", flat=True))


def test_the_duress_pin_meets_the_safe_one(ana: User) -> None:
    for _ in range(ROUNDS):
        alert = press(ana)
        answers = at_once(partial(end, ana, alert, DURESS_PIN), partial(end, ana, alert, SAFE_PIN))
        assert sorted(answer.status_code for answer in answers) == [200, 403]
        is_duress = answers[0].status_code == 200
        assert len(messages(alert, NotificationKind.DURESS)) == (2 if is_duress else 0)
        assert len(all_clears(alert)) == (0 if is_duress else 1)
        assert set(kinds(alert)) == {"raised", "pin_wrong", "duress" if is_duress else "cancelled"}


def test_the_duress_pin_twice_at_once(ana: User) -> None:
    for _ in range(ROUNDS):
        alert = press(ana)
        answers = at_once(*[partial(end, ana, alert, DURESS_PIN)] * 2)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert kinds(alert) == ["raised", "duress"]
        assert len(messages(alert, NotificationKind.DURESS)) == 2


def test_a_duress_cancel_meets_a_duress_resolve(ana: User) -> None:
    for _ in range(ROUNDS):
        alert = press(ana)
        ways = [partial(end, ana, alert, DURESS_PIN, how) for how in ("cancel", "resolve")]
        assert sorted(answer.status_code for answer in at_once(*ways)) == [200, 409]
        assert kinds(alert) == ["raised", "duress"]


def test_the_duress_pin_meets_a_press(ana: User) -> None:
    for _ in range(ROUNDS):
        alert = press(ana)
        ended, pressed = at_once(partial(end, ana, alert, DURESS_PIN), lambda: app(ana).post(URL, {}, format="json"))
        assert ended.status_code == 200
        is_new = pressed.data["id"] != alert
        assert pressed.status_code == (201 if is_new else 200)
        assert (EventKind.PRESSED_AGAIN in kinds(alert)) != is_new
        if is_new:
            assert end(ana, pressed.data["id"], SAFE_PIN).status_code == 200


def test_the_duress_pin_meets_a_worker_that_claims(ana: User) -> None:
    """A message that the worker has begun is shown as `sending`, any other as `cancelled`. Both go on, without
    deadlock."""
    for _ in range(ROUNDS):
        alert = press(ana)
        waiting = messages(alert)[1]
        move([Change(id=waiting.id, to=State.DISPATCHED)], by=Deliverer.SCHEDULER, now=clock.now())
        claim = partial(move, [Change(id=waiting.id, to=State.SENDING)], by=Deliverer.WORKER, now=clock.now())
        ended, claimed = at_once(partial(end, ana, alert, DURESS_PIN), claim)
        assert ended.status_code == 200
        assert claimed == {waiting.id: State.SENDING}
        shown = app(ana).get(f"{URL}{alert}/").data["contacts"][1]["status"]
        assert shown == ended.data["contacts"][1]["status"]
        assert shown in ("sending", "cancelled")
        pass_the_hour()
        end(ana, alert, SAFE_PIN)
