"""The admin's second factor. Found (audit M6): the app's password alone opened the admin. Now it opens nothing."""

from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from identity.models import RateCount, Session, StaffFactor, User
from identity.sessions import tokens
from identity.staff import factors, totp
from messaging.database import clock
from messaging.models import OperatorAlarm
from tests.race import at_once

NUMBER, PASSWORD = "+996777000001", "operators-password"


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser(NUMBER, PASSWORD)


@pytest.fixture
def enrolled(operator: User) -> factors.Enrolment:
    return factors.enrol(operator, now=clock.now())


def code_of(enrolled: factors.Enrolment, *, steps: int = 0) -> str:
    return totp.code(enrolled.secret, step=int(clock.now().timestamp()) // totp.STEP_S + steps)


def log_in(code: str, *, password: str = PASSWORD, client: Client | None = None) -> Client:
    client = client or Client()
    client.post("/admin/login/?next=/admin/", {"username": NUMBER, "password": password, "code": code})
    return client


def is_in(client: Client) -> bool:
    return bool(client.get("/admin/").status_code == 200)


def test_both_are_needed(enrolled: factors.Enrolment) -> None:
    assert is_in(log_in(code_of(enrolled)))
    for code in ("", "000000", "123", "x" * 40, "１２３４５６", "\x00", "é"):
        assert not is_in(log_in(code))
    assert not is_in(log_in(code_of(enrolled, steps=1), password="wrong"))


def test_without_enrolment_nobody_enters(operator: User) -> None:
    assert not is_in(log_in("000000"))
    # No page behind the password enrols: a thief of the password would do it first.
    assert not StaffFactor.objects.exists()


def test_every_wrong_answer_is_the_same(operator: User) -> None:
    def shown(code: str, password: str) -> str:
        body = {"username": NUMBER, "password": password, "code": code}
        page = Client().post("/admin/login/?next=/admin/", body).content.decode()
        return page[page.index("errornote") : page.index("csrfmiddlewaretoken")]

    not_enrolled = shown("000000", PASSWORD)
    factors.enrol(operator, now=clock.now())
    assert {not_enrolled} == {shown("000000", PASSWORD), shown("000000", "wrong")}


def test_a_code_counts_once(enrolled: factors.Enrolment) -> None:
    code = code_of(enrolled)
    assert is_in(log_in(code))
    assert not is_in(log_in(code))
    assert not is_in(log_in(code_of(enrolled, steps=-1)))  # Nor does an older one.
    assert is_in(log_in(code_of(enrolled, steps=1)))


@pytest.mark.django_db(transaction=True)
def test_a_code_counts_once_also_at_once(operator: User) -> None:
    enrolled = factors.enrol(operator, now=clock.now())
    for code in (code_of(enrolled), enrolled.recovery_codes[0]):
        proofs = at_once(*[partial(factors.prove, operator, code, now=clock.now())] * 4)
        assert sorted(proofs) == [False, False, False, True]


def test_recovery_codes_count_once_each_and_are_not_stored(enrolled: factors.Enrolment) -> None:
    first, second, *_ = enrolled.recovery_codes
    spaced = "-".join((first[:8].lower(), first[8:]))
    assert [is_in(log_in(code)) for code in (spaced, first, second)] == [True, False, True]
    row = StaffFactor.objects.get()
    assert len(row.recovery_hashes) == 8
    stored = str(StaffFactor.objects.values().get()) + str(bytes(row.secret))
    assert not [code for code in (*enrolled.recovery_codes, enrolled.secret) if code in stored]


def test_guesses_end_and_alarm_the_operator(enrolled: factors.Enrolment, operator: User) -> None:
    for _ in range(10):
        assert not factors.prove(operator, "000000", now=clock.now())
    assert not factors.prove(operator, code_of(enrolled), now=clock.now())
    assert OperatorAlarm.objects.get().code == "staff_codes_guessed"
    RateCount.objects.all().delete()
    assert factors.prove(operator, code_of(enrolled), now=clock.now())


def test_strangers_without_the_password_use_up_no_codes(enrolled: factors.Enrolment) -> None:
    for place in range(12):
        log_in("000000", password="wrong", client=Client(REMOTE_ADDR=f"203.0.113.{place}"))
    assert is_in(log_in(code_of(enrolled)))


def test_a_session_lasts_eight_hours_from_the_log_in_also_when_used(
    enrolled: factors.Enrolment, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = log_in(code_of(enrolled))
    now = clock.now()
    for hours, expected in ((7.9, True), (8.1, False)):
        monkeypatch.setattr(clock, "now", lambda hours=hours: now + timedelta(hours=hours))
        assert is_in(client) is expected


def test_enrolling_anew_ends_the_sessions(enrolled: factors.Enrolment, operator: User) -> None:
    client = log_in(code_of(enrolled))
    factors.enrol(operator, now=clock.now())
    assert not is_in(client)


def test_a_django_session_without_the_factor_is_refused(enrolled: factors.Enrolment, operator: User) -> None:
    client = log_in(code_of(enrolled))
    session: Any = client.session
    del session["staff_factor_proved_at"]
    session.save()
    assert not is_in(client)


def test_changing_the_password_in_the_admin_signs_out_the_phones(enrolled: factors.Enrolment, operator: User) -> None:
    client = log_in(code_of(enrolled))
    tokens.open_session(operator, now=clock.now())
    new = "another long password"
    body = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", body).status_code == 302
    assert not Session.objects.filter(revoked_at=None).exists()
    assert is_in(client)


def test_the_command_shows_everything_once(operator: User) -> None:
    output = StringIO()
    call_command("enrolstaff", NUMBER, stdout=output)
    assert "otpauth://totp/AlertMe" in output.getvalue()
    assert len(output.getvalue().splitlines()) == 14
    User.objects.update(is_staff=False)
    with pytest.raises(CommandError):
        call_command("enrolstaff", NUMBER)
