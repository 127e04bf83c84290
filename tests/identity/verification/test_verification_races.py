from functools import partial

import pytest

from identity.models import User, Verification
from identity.verification import registration
from messaging.database import clock
from messaging.models import Message
from tests.identity.phones import ANA, BEN, App, another, code_for, register, resend, verify
from tests.race import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_sixteen_guesses_at_once_five_are_heard() -> None:
    pending = register(App()).json()
    code = code_for(BEN)
    wrong = another(code)
    answers = at_once(*[partial(verify, App(), pending, wrong) for _ in range(16)])
    assert {answer.status_code for answer in answers} == {400}
    assert Verification.objects.get().tries_left == 0
    assert verify(App(), pending, code).status_code == 400


def test_of_sixteen_tries_at_once_five_are_granted() -> None:
    pending = register(App()).json()
    spend = partial(
        registration._spend_try,
        phone_number=BEN,
        verification_id=pending["verification_id"],
        now=clock.now(),
    )
    assert at_once(*[spend] * 16).count(True) == 5


def test_one_verification_becomes_one_person() -> None:
    register(App())
    become = partial(registration._become_person, Verification.objects.get(), now=clock.now())
    made = at_once(*[become] * 4)
    assert sorted(type(one).__name__ for one in made) == ["CodeInvalid"] * 3 + ["User"]


def test_the_right_code_at_once_makes_one_account() -> None:
    pending = register(App()).json()
    answers = at_once(*[partial(verify, App(), pending, code_for(BEN)) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    assert User.objects.count() == 1


def test_two_pending_registrations_verified_at_once_make_one_account() -> None:
    proofs = []
    for name in ("First", "Second"):
        pending = register(App(), first_name=name).json()
        proofs.append((pending, code_for(BEN)))
    answers = at_once(*[partial(verify, App(), pending, code) for pending, code in proofs])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    winner = next(answer for answer in answers if answer.status_code == 200).json()["user"]
    assert User.objects.get().first_name == winner["first_name"]


def test_resends_at_once_send_one_sms() -> None:
    pending = register(App()).json()
    Verification.objects.update(sent_at="2020-01-01T00:00Z")
    answers = at_once(*[partial(resend, App(), pending) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [200, 429, 429, 429]
    assert Message.objects.count() == 2
    assert verify(App(), pending, code_for(BEN)).status_code == 200


def test_registrations_at_once_never_exceed_the_numbers_limit() -> None:
    answers = at_once(*[partial(register, App(REMOTE_ADDR=f"10.0.0.{n}"), ANA) for n in range(12)])
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 2
    assert Message.objects.count() == 10
