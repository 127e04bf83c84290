from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import F

from identity.models import RateCount, Session, User, Verification
from identity.verification import codes, registration
from messaging.database import clock
from messaging.models import Message, MessageClass
from tests.identity.phones import (
    ANA,
    BEN,
    PASSWORD,
    App,
    another,
    application,
    code_for,
    register,
    resend,
    sign_in,
    texts_to,
    verify,
)


def _later(by: timedelta) -> None:
    """Let time pass for every pending registration."""
    Verification.objects.update(sent_at=F("sent_at") - by, expires_at=F("expires_at") - by)


def test_a_code_by_sms_makes_an_account(app: App) -> None:
    pending = register(app, language="en").json()
    assert pending.keys() == {"detail", "phone_number", "verification_id", "expires_at", "resend_after_s"}
    assert (pending["detail"], pending["phone_number"]) == ("Verification code sent", BEN)
    assert pending["resend_after_s"] == 60
    assert texts_to(BEN) == [f"AlertMe: {code_for(BEN)} is your code. Do not tell it to anyone."]

    answer = verify(app, pending, code_for(BEN))
    assert answer.status_code == 200
    user = User.objects.get()
    assert answer.json()["user"] == {
        "id": str(user.id),
        "phone_number": BEN,
        "first_name": "Ben",
        "last_name": "Bek",
        "language": "en",
        "email": None,
    }
    app.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['tokens']['access']}")
    assert app.get("/api/v1/me/").json()["id"] == str(user.id)
    assert sign_in(app).status_code == 200


def test_the_answer_never_shows_the_code_and_the_database_never_the_secrets(app: App) -> None:
    answer = register(app)
    code = code_for(BEN)
    assert code not in answer.content.decode().replace(answer.json()["verification_id"], "")
    row = Verification.objects.get()
    assert row.password.startswith("argon2$")
    assert len(bytes(row.code_salt)) == 16
    assert bytes(row.code_hash) == codes.hashed(code, salt=bytes(row.code_salt))
    assert code.encode() not in bytes(row.code_hash)


def test_codes_are_six_random_digits() -> None:
    drawn = {codes.new_code() for _ in range(200)}
    assert all(len(code) == 6 and code.isdigit() for code in drawn)
    assert len(drawn) > 190


def test_the_sms_lives_exactly_as_long_as_the_code(app: App) -> None:
    register(app)
    message, pending = Message.objects.get(), Verification.objects.get()
    assert message.message_class == MessageClass.VERIFICATION
    assert message.deadline_at == pending.expires_at == pending.sent_at + timedelta(minutes=10)


def test_numbers_are_normalised(app: App) -> None:
    pending = register(app, "+996 (700) 65-43-21").json()
    assert pending["phone_number"] == BEN
    assert verify(app, pending, code_for(BEN), phone_number="+996 700 654 321").status_code == 200


def test_a_code_has_five_tries(app: App) -> None:
    pending = register(app).json()
    code = code_for(BEN)
    for _ in range(5):
        answer = verify(app, pending, another(code))
        assert (answer.status_code, answer.json()["code"]) == (400, "code_invalid")
    assert verify(app, pending, code).json()["code"] == "code_invalid"
    assert not User.objects.exists()


def test_the_fifth_try_still_counts(app: App) -> None:
    pending = register(app).json()
    for _ in range(4):
        verify(app, pending, another(code_for(BEN)))
    assert verify(app, pending, code_for(BEN)).status_code == 200


def test_every_wrong_verification_gets_the_same_response(app: App) -> None:
    wrong = register(app, BEN).json()
    wrong_code = another(code_for(BEN))
    used = register(app, "+996700000001").json()
    used_code = code_for("+996700000001")
    assert verify(app, used, used_code).status_code == 200
    answers = [
        verify(app, wrong, wrong_code),
        verify(app, wrong, code_for(BEN), verification_id=str(uuid4())),
        verify(app, wrong, code_for(BEN), phone_number=ANA),
        verify(app, used, used_code),
    ]
    _later(timedelta(minutes=11))
    answers.append(verify(app, wrong, code_for(BEN)))
    Verification.objects.update(tries_left=0)
    answers.append(verify(app, wrong, code_for(BEN)))
    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "code_invalid"


def test_a_strangers_guess_at_another_number_spends_no_try(app: App) -> None:
    pending = register(app).json()
    verify(app, pending, "000000", phone_number=ANA)
    assert Verification.objects.get().tries_left == 5


def test_a_code_is_valid_for_ten_minutes(app: App) -> None:
    pending = register(app).json()
    _later(timedelta(minutes=9, seconds=55))
    late = register(app, ANA).json()
    assert verify(app, pending, code_for(BEN)).status_code == 200
    _later(timedelta(minutes=10))
    assert verify(app, late, code_for(ANA)).status_code == 400


def test_a_resend_waits_a_minute_and_replaces_the_code(app: App) -> None:
    pending = register(app).json()
    first = code_for(BEN)
    early = resend(app, pending)
    assert (early.status_code, early.json()["code"]) == (429, "too_many_requests")
    assert 55 <= int(early["Retry-After"]) <= 60

    _later(timedelta(minutes=9))
    again = resend(app, pending)
    assert again.status_code == 200
    assert again.json() | {"expires_at": ""} == pending | {"expires_at": ""}
    assert len(texts_to(BEN)) == 2
    second = code_for(BEN)
    _later(timedelta(minutes=9))
    if first != second:
        assert verify(app, pending, first).status_code == 400
    assert verify(app, pending, second).status_code == 200


def test_a_resend_keeps_the_tries(app: App) -> None:
    pending = register(app).json()
    for _ in range(3):
        verify(app, pending, another(code_for(BEN)))
    _later(timedelta(seconds=61))
    resend(app, pending)
    for _ in range(2):
        verify(app, pending, another(code_for(BEN)))
    assert verify(app, pending, code_for(BEN)).json()["code"] == "code_invalid"


@pytest.mark.parametrize("why", ["unknown", "other number", "used", "no tries", "too old"])
def test_every_resend_that_cannot_be_continued_gets_the_same_response(app: App, why: str) -> None:
    pending = register(app).json()
    if why == "used":
        verify(app, pending, code_for(BEN))
    _later(timedelta(hours=1, minutes=11) if why == "too old" else timedelta(seconds=61))
    if why == "no tries":
        Verification.objects.update(tries_left=0)
    if why == "unknown":
        pending["verification_id"] = str(uuid4())
    if why == "other number":
        pending["phone_number"] = ANA
    answer = resend(app, pending)
    assert (answer.status_code, answer.json()["code"]) == (404, "verification_unknown")
    assert Message.objects.count() == 1


def test_resends_of_a_number_are_limited(app: App) -> None:
    pending = register(app).json()
    for _ in range(4):
        _later(timedelta(seconds=61))
        assert resend(app, pending).status_code == 200
    _later(timedelta(seconds=61))
    answer = resend(app, pending)
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 3600
    assert len(texts_to(BEN)) == 5


def test_sms_to_a_number_are_limited_from_wherever_they_are_asked(db: None) -> None:
    for place in range(10):
        assert register(App(REMOTE_ADDR=f"10.0.0.{place}")).status_code == 200
    Verification.objects.update(expires_at=clock.now())
    refused = register(App(REMOTE_ADDR="10.0.0.99"))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert int(refused["Retry-After"]) >= 1
    assert len(texts_to(BEN)) == 10
    assert register(App(REMOTE_ADDR="10.0.0.99"), ANA).status_code == 200


def test_sms_from_an_address_are_limited(app: App) -> None:
    register(app)
    RateCount.objects.filter(id=RateCount.objects.order_by("id").values("id")[:1]).update(count=60)
    assert register(app, ANA).status_code == 429
    assert not texts_to(ANA)
    assert register(App(REMOTE_ADDR="10.0.0.1"), ANA).status_code == 200


def test_two_pending_registrations_of_a_number_never_mix(app: App) -> None:
    """A stranger registers the number first. The registration of its owner is the one that counts."""
    strangers = register(app, password="the stranger's secret", first_name="Stranger").json()
    owners = register(app).json()
    code = code_for(BEN)
    assert verify(app, strangers, code).status_code == 400
    assert verify(app, owners, code).status_code == 200
    assert User.objects.get().first_name == "Ben"
    assert sign_in(app, password="the stranger's secret").status_code == 401
    assert sign_in(app, password=PASSWORD).status_code == 200


def test_a_second_registration_verified_later_is_a_conflict(app: App) -> None:
    first = register(app).json()
    first_code = code_for(BEN)
    second = register(app, password="another fine secret").json()
    assert verify(app, second, code_for(BEN)).status_code == 200
    wrong = verify(app, first, another(first_code))
    right = verify(app, first, first_code)
    assert (wrong.status_code, right.status_code) == (400, 409)
    assert right.json()["code"] == "already_registered"
    assert sign_in(app, password="another fine secret").status_code == 200
    assert Session.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_number", "0700654321"),
        ("phone_number", "+99670"),
        ("phone_number", "+447911123456"),
        ("password", "short"),
        ("password", "password"),
        ("password", "9981726354"),
        ("password", "x" * 129),
        ("first_name", ""),
        ("first_name", "B" * 51),
        ("first_name", "Ben\x07"),
        ("first_name", "kicb-pay.com"),
        ("language", "de"),
    ],
)
def test_wrong_fields_are_named(app: App, field: str, value: str) -> None:
    answer = register(app, **{"phone_number": BEN} | {field: value})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not Message.objects.exists()


@pytest.mark.parametrize("field", ["phone_number", "password", "first_name"])
def test_required_fields(app: App, field: str) -> None:
    body = application()
    del body[field]
    answer = app.post("/api/v1/auth/register/", body)
    assert list(answer.json()["errors"]) == [field]


def test_a_clients_expired_token_does_not_disturb(app: App) -> None:
    app.credentials(HTTP_AUTHORIZATION="Bearer expired")
    assert register(app).status_code == 200


def test_the_domain_takes_now(db: None) -> None:
    now = clock.now()
    pending = registration.register(
        phone_number=BEN,
        password=PASSWORD,
        first_name="Ben",
        last_name="",
        language="ky",
        client_ip="::1",
        now=now,
    )
    signed_in = registration.verify(
        phone_number=BEN,
        code=code_for(BEN),
        verification_id=pending.id,
        now=now + timedelta(minutes=9, seconds=59),
    )
    assert signed_in.user.language == "ky"
