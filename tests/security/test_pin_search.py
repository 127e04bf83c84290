"""A coercer who knows one PIN cannot search for the other.

Found: a right PIN, the duress PIN too, set the wrong tries to 0: four guesses, the known PIN, again. 104 guesses in
75 s and no lock; all 10,000 PINs would have taken 21 minutes. Now: in any 24 hours at most 28 wrong PINs are compared,
whatever is typed between them, and with the two right ones 30 different PINs. A search takes a year.
"""

import random
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice, product
from typing import Any

import pytest
from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.api.rates import Limit
from identity.models import AcceptedPin, Pin, RateCount, User
from identity.pins import even_timing, pins
from identity.pins.pins import PinLocked, PinWrong
from messaging.database import clock
from tests.alerts.conftest import app

SAFE, DURESS = "1357", "24680"
DAY = timedelta(days=1)
MOST_WRONG, MOST = 28, 30
URL = "/api/v1/sos-alerts/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hashes_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of tries: what is counted here is which PINs are compared, not how."""
    monkeypatch.setattr(pins, "check_password", lambda pin, held: pin == held)
    monkeypatch.setattr(pins, "TYPED", Limit(scope="PINs typed", times=10**6, window=timedelta(hours=1)))
    monkeypatch.setattr(even_timing, "STEP_S", 0.0001)


@pytest.fixture
def ana() -> User:
    user = User.objects.create(phone_number="+996555123456", first_name="Ana", language="en")
    Pin.objects.create(user=user, safe_hash=SAFE, duress_hash=DURESS, set_at=clock.now())
    return user


class Coercer:
    """Tries PINs at moments of his choice, and keeps which of them were compared, and when."""

    def __init__(self, ana: User) -> None:
        self.ana = ana
        self.now = clock.now()
        self.unknown = (f"{number:04}" for number in range(10_000) if f"{number:04}" != SAFE)
        self.heard: list[tuple[datetime, str]] = []

    def try_pin(self, pin: str, *, thing: str = "") -> bool:
        try:
            pins.check(person_id=self.ana.id, pin=pin, now=self.now, thing=thing)
        except PinLocked:
            return False
        except PinWrong:
            self.heard.append((self.now, pin))
            return True
        self.heard.append((self.now, pin))
        return True

    def most_in_a_day(self, counts: Callable[[str], bool]) -> int:
        """The most different PINs heard in any 24 hours."""
        most, window = 0, deque[tuple[datetime, str]]()
        for at, pin in self.heard:
            if counts(pin):
                window.append((at, pin))
            while window and window[0][0] < at - DAY:
                window.popleft()
            most = max(most, len({each for _, each in window}))
        return most

    def expect_few(self) -> None:
        assert self.most_in_a_day(lambda pin: pin not in (SAFE, DURESS)) <= MOST_WRONG
        assert self.most_in_a_day(lambda pin: True) <= MOST


# Each letter is a try: w a PIN not tried before, s the safe, d the duress PIN.
CYCLES = ["".join(letters) for length in (1, 2, 3, 4) for letters in product("wsd", repeat=length) if "w" in letters]


@pytest.mark.parametrize("gap", [timedelta(seconds=1), timedelta(minutes=30), timedelta(minutes=72)])
def test_every_short_interleaving_repeated_for_two_days(ana: User, gap: timedelta) -> None:
    for cycle in islice(CYCLES, None, None, 1 if gap > timedelta(minutes=1) else 4):
        Pin.objects.update(tries_forgotten_at=None)
        coercer = Coercer(ana)
        for letter in (cycle * 100)[: min(int(2 * DAY / gap), 100)]:
            coercer.try_pin({"s": SAFE, "d": DURESS}.get(letter) or next(coercer.unknown))
            coercer.now += gap
        coercer.expect_few()


MOVES = st.lists(
    st.tuples(st.sampled_from("wwwsd"), st.sampled_from([0, 0, 0, 1, 60, 4_319, 4_320, 4_321, 20_000])),
    min_size=50,
    max_size=200,
)


@given(moves=MOVES, alerts=st.integers(1, 3))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_interleaving_at_any_pace(ana: User, moves: list[tuple[str, int]], alerts: int) -> None:
    Pin.objects.update(tries_forgotten_at=None)
    AcceptedPin.objects.all().delete()
    coercer = Coercer(ana)
    for place, (letter, wait_s) in enumerate(moves):
        coercer.now += timedelta(seconds=wait_s)
        pin = {"s": SAFE, "d": DURESS}.get(letter) or next(coercer.unknown)
        coercer.try_pin(pin, thing=f"alert {place % alerts}")
    coercer.expect_few()


def test_ten_thousand_pins_tried_as_fast_as_they_are_heard(ana: User) -> None:
    """The best he can do: a guess whenever one is heard, his PIN between guesses. Ten days, 248 guesses."""
    coercer = Coercer(ana)
    began, guesses = coercer.now, 0
    while coercer.now < began + 10 * DAY:
        while coercer.try_pin(next(coercer.unknown)):
            guesses += 1
            coercer.try_pin(DURESS)
        coercer.now += timedelta(minutes=12)
    coercer.expect_few()
    assert guesses <= 8 + 20 * 10
    assert coercer.most_in_a_day(lambda pin: pin != DURESS) == MOST_WRONG


def pass_time(passed: timedelta) -> None:
    def earlier(name: str) -> "ExpressionWrapper[Any]":
        return ExpressionWrapper(F(name) - Value(passed), output_field=DateTimeField())

    Pin.objects.update(tries_forgotten_at=earlier("tries_forgotten_at"))
    AcceptedPin.objects.update(at=earlier("at"))


def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def compare(pin: str, held: str) -> bool:
        seen.append(pin)
        return pin == held

    monkeypatch.setattr(pins, "check_password", compare)
    return seen


@pytest.mark.parametrize("cycle", ["w", "wwwwd", "wd", "wwsd", "wwwws"])
def test_through_the_api(ana: User, cycle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day of guesses at real alerts: a new one is pressed whenever one seems to have ended."""
    seen, phone = compared(monkeypatch), app(ana)
    guesses = (f"{number:04}" for number in random.Random(4).sample(range(10_000), 10_000) if number != int(SAFE))
    alert = str(phone.post(URL, {}, format="json").data["id"])
    for _ in range(48):
        for letter in cycle * 2:
            pin = {"s": SAFE, "d": DURESS}.get(letter) or next(guesses)
            answer = phone.post(f"{URL}{alert}/cancel/", {"pin": pin}, format="json")
            assert answer.status_code in (200, 403)
            if answer.status_code == 200:
                alert = str(phone.post(URL, {}, format="json").data["id"])
        pass_time(timedelta(minutes=30))
        RateCount.objects.all().delete()
    assert len(set(seen) - {SAFE, DURESS}) <= MOST_WRONG
    assert len(set(seen)) <= MOST


@pytest.mark.parametrize(("known", "other"), [(DURESS, SAFE), (SAFE, DURESS)])
def test_after_one_pin_the_other_tells_nothing(ana: User, known: str, other: str) -> None:
    """Found: the safe PIN, guessed after the duress PIN, answered 200 and really ended the alert. Now the other PIN,
    whichever it is, is answered and counted like any wrong one."""
    phone = app(ana)
    alert = str(phone.post(URL, {}, format="json").data["id"])
    url = f"{URL}{alert}/cancel/"
    assert phone.post(url, {"pin": known}, format="json").status_code == 200
    answers = []
    for pin in (other, "9999"):
        before = Pin.objects.get().tries_forgotten_at
        answer = phone.post(url, {"pin": pin}, format="json")
        after = Pin.objects.get().tries_forgotten_at
        assert after is not None
        answers.append((answer.status_code, answer.content, before is None or after > before))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    assert phone.get(f"{URL}{alert}/").data["status"] == "cancelled"


def test_the_frightened_owner_ends_the_alert_after_four_slips(ana: User) -> None:
    phone = app(ana)
    alert = str(phone.post(URL, {}, format="json").data["id"])
    for pin in ("1375", "1356", "1357357", "3157"):
        assert phone.post(f"{URL}{alert}/cancel/", {"pin": pin}, format="json").status_code == 403
    assert phone.post(f"{URL}{alert}/cancel/", {"pin": SAFE}, format="json").data["status"] == "cancelled"


def test_a_lock_keeps_the_alert_going_and_takes_the_next_press(ana: User) -> None:
    phone = app(ana)
    alert = str(phone.post(URL, {}, format="json").data["id"])
    for _ in range(9):
        answer = phone.post(f"{URL}{alert}/cancel/", {"pin": "9999"}, format="json")
    assert answer.json()["code"] == "pin_locked"
    assert phone.get(f"{URL}{alert}/").data["status"] == "active"
    assert phone.post(URL, {}, format="json").status_code == 200
