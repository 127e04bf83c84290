"""The webhooks of a call over HTTP: its status, and the key by which somebody says that they are on the way."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging import speech
from messaging.models import Attempt, AttemptOutcome, Channel, KeyPress, Message, MessageEvent
from messaging.sandbox import twiml
from messaging.signals import digit_pressed
from messaging.states import State
from tests.messaging.engine import attempt_ids, standing, story
from tests.race import at_once

FORM = "application/x-www-form-urlencoded"
SID = "CA" + "1" * 32
Heard = list[tuple[int, str]]


@pytest.fixture
def attempt_id(db: None) -> UUID:
    """The attempt of a call that rings."""
    return ringing()


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The (message id, digit) pairs that the signal for a pressed key carried."""
    told: Heard = []

    def receive(sender: object, *, message_id: int, digit: str, **_: object) -> None:
        told.append((message_id, digit))

    digit_pressed.connect(receive)
    yield told
    digit_pressed.disconnect(receive)


def ringing(state: State = State.SENT, *, language: str = "en", recording: str = "") -> UUID:
    message = standing(
        state, attempts=1, channel=Channel.VOICE, text="Aida is in danger", language=language, recording=recording
    )
    Attempt.objects.filter(message=message).update(outcome=AttemptOutcome.ACCEPTED, provider_id=SID)
    return attempt_ids(message.id)[0]


def path(kind: str, attempt_id: UUID | str) -> str:
    return f"/api/v1/webhooks/twilio/{kind}/{attempt_id}/"


def status_form(status: str = "completed", **more: str) -> dict[str, str]:
    return {"AccountSid": settings.TWILIO_ACCOUNT_SID, "CallSid": SID, "CallStatus": status} | more


def key_form(digits: str = "1", **more: str) -> dict[str, str]:
    return status_form("in-progress", Digits=digits, FinishedOnKey="", msg="Gather End") | more


def post(url_path: str, fields: dict[str, str], *, signed: str | None = None) -> HttpResponse:
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    if signed is None:
        signed = str(validator.compute_signature(settings.PUBLIC_BASE_URL + url_path, fields))
    answer: HttpResponse = Client().generic(  # type: ignore[assignment]
        "POST", url_path, urlencode(fields).encode(), content_type=FORM, headers={"X-Twilio-Signature": signed}
    )
    return answer


def press(attempt_id: UUID, digits: str = "1") -> tuple[str, ...]:
    """Report a pressed key; returns the lines that the call says next."""
    answer = post(path("digit", attempt_id), key_form(digits))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")
    return twiml.read(answer.content.decode()).lines


def only_message() -> Message:
    return Message.objects.get()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", State.ACCEPTED),
        ("initiated", State.ACCEPTED),
        ("ringing", State.SENT),
        ("in-progress", State.SENT),
        ("completed", State.DELIVERED),
        ("canceled", State.FAILED),
    ],
)
@pytest.mark.parametrize("origin", [State.SENDING, State.UNKNOWN, State.QUEUED])
def test_every_status_moves_forward_whatever_we_knew(origin: State, status: str, state: State, db: None) -> None:
    attempt_id = ringing(origin)
    Attempt.objects.update(outcome=AttemptOutcome.UNKNOWN)
    assert post(path("call", attempt_id), status_form(status)).status_code == 204
    assert only_message().state == state
    assert story(only_message().id) == [state]


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed"])
def test_an_unanswered_call_is_made_again(status: str, attempt_id: UUID) -> None:
    for _ in range(2):
        assert post(path("call", attempt_id), status_form(status)).status_code == 204
    assert (only_message().state, only_message().error_code) == (State.QUEUED, status)
    assert story(only_message().id) == [State.QUEUED]


def test_a_failed_call_with_a_code_of_the_number_is_final(attempt_id: UUID) -> None:
    post(path("call", attempt_id), status_form("failed", ErrorCode="13224"))
    assert (only_message().state, only_message().error_code) == (State.FAILED, "13224")


def test_out_of_order_and_twice_leaves_the_last_truth(attempt_id: UUID) -> None:
    for status in ("completed", "ringing", "initiated", "completed", "in-progress", "busy", "no-answer"):
        assert post(path("call", attempt_id), status_form(status)).status_code == 204
    assert story(only_message().id) == [State.DELIVERED]


def test_an_answered_call_tells_nobody_that_it_was_heard(attempt_id: UUID, heard: Heard) -> None:
    for status in ("ringing", "in-progress", "completed"):
        post(path("call", attempt_id), status_form(status))
    assert heard == []
    assert not KeyPress.objects.exists()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_key_is_recorded_told_and_thanked_for(language: str, heard: Heard, db: None) -> None:
    attempt_id = ringing(language=language)
    [thanks] = press(attempt_id)
    assert (
        thanks
        == {
            "en": "Thank you. It is noted that you are on your way.",
            "ru": "Спасибо. Отмечено, что вы идёте на помощь.",
        }[language]
    )
    assert KeyPress.objects.values_list("attempt_id", "digit").get() == (attempt_id, "1")
    assert heard == [(only_message().id, "1")]
    assert (only_message().state, only_message().text) == (State.DELIVERED, None)


def test_thanks_in_kyrgyz_are_a_recording(db: None) -> None:
    [thanks] = press(ringing(language="ky", recording=speech.Prompt.HELP))
    assert thanks == f"{settings.PUBLIC_BASE_URL}/static/messaging/voice/ky/thanks.mp3"


def test_the_same_key_reported_again_is_thanked_for_and_told_once(attempt_id: UUID, heard: Heard) -> None:
    assert press(attempt_id) == press(attempt_id)
    assert len(heard) == KeyPress.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_reported_twice_at_once_is_signalled_once(heard: Heard) -> None:
    attempt_id = ringing()
    results = at_once(*[partial(press, attempt_id) for _ in range(4)])
    assert not [result for result in results if isinstance(result, Exception)]
    assert len(heard) == KeyPress.objects.count() == MessageEvent.objects.count() == 1


@pytest.mark.parametrize("digit", ["0", "2", "9", "*", "#"])
def test_after_another_key_the_call_asks_again(digit: str, attempt_id: UUID, heard: Heard) -> None:
    assert press(attempt_id, digit) == ("Aida is in danger",) * 2
    assert heard == []
    assert only_message().state == State.SENT
    assert press(attempt_id) == ("Thank you. It is noted that you are on your way.",)
    assert heard == [(only_message().id, "1")]


def test_a_call_whose_text_is_erased_still_asks(db: None) -> None:
    attempt_id = ringing(State.DELIVERED)
    assert press(attempt_id, "5") == ("Press 1 if you are on your way.",) * 2


@pytest.mark.parametrize("state", [State.SENDING, State.UNKNOWN, State.UNCONFIRMED])
def test_the_key_proves_what_was_unknown(state: State, db: None) -> None:
    attempt_id = ringing(state)
    press(attempt_id)
    assert only_message().state == State.DELIVERED


def test_a_receiver_that_fails_undoes_the_record_so_that_the_next_press_counts(attempt_id: UUID, heard: Heard) -> None:
    def fail(sender: object, **_: object) -> None:
        raise LookupError

    digit_pressed.connect(fail)
    try:
        with pytest.raises(LookupError):
            post(path("digit", attempt_id), key_form())
    finally:
        digit_pressed.disconnect(fail)
    assert not KeyPress.objects.exists()
    press(attempt_id)
    assert KeyPress.objects.count() == 1


@pytest.mark.parametrize("kind", ["call", "digit"])
def test_an_unknown_attempt_is_404(kind: str, db: None) -> None:
    assert post(path(kind, uuid4()), key_form()).status_code == 404
    assert post(path(kind, "nobody"), key_form()).status_code == 404


def test_a_key_in_what_was_no_call_is_404(db: None, heard: Heard) -> None:
    message = standing(State.SENT, attempts=1)
    assert post(path("digit", attempt_ids(message.id)[0]), key_form()).status_code == 404
    assert heard == []


@pytest.mark.parametrize("kind", ["call", "digit"])
@pytest.mark.parametrize("signed", ["", "x", "я" * 10, "A" * 27 + "="])
def test_a_wrong_signature_is_refused(kind: str, signed: str, attempt_id: UUID, heard: Heard) -> None:
    assert post(path(kind, attempt_id), key_form(), signed=signed).status_code == 403
    assert heard == []
    assert only_message().state == State.SENT


def test_a_signature_of_another_call_or_key_is_refused(attempt_id: UUID, heard: Heard) -> None:
    fields = key_form("2")
    signed = RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(
        settings.PUBLIC_BASE_URL + path("digit", attempt_id), fields
    )
    assert post(path("digit", attempt_id), key_form("1"), signed=str(signed)).status_code == 403
    assert post(path("call", attempt_id), fields, signed=str(signed)).status_code == 403
    assert heard == []


@pytest.mark.parametrize(
    "fields",
    [
        key_form(""),
        key_form("11"),
        key_form("x"),
        key_form("１"),
        key_form(CallSid=""),
        key_form(Digits="\0"),
        {"AccountSid": ""},
    ],
)
def test_an_invalid_key_is_refused(fields: dict[str, str], attempt_id: UUID, heard: Heard) -> None:
    assert post(path("digit", attempt_id), fields).status_code in (400, 403)
    assert heard == []


def test_a_report_without_a_status_is_a_bad_request(attempt_id: UUID) -> None:
    assert post(path("call", attempt_id), status_form("")).status_code == 400


@pytest.mark.parametrize("status", ["exploded", "delivered", "COMPLETED"])
def test_an_unknown_status_is_taken_and_changes_nothing(status: str, attempt_id: UUID, heard: Heard) -> None:
    before = Attempt.objects.values().get(id=attempt_id)
    assert post(path("call", attempt_id), status_form(status)).status_code == 204
    assert (Attempt.objects.values().get(id=attempt_id), heard) == (before, [])


@pytest.mark.parametrize("kind", ["call", "digit"])
def test_more_than_16_kb_is_refused(kind: str, attempt_id: UUID) -> None:
    assert post(path(kind, attempt_id), key_form(Body="a" * 17_000)).status_code == 413


@pytest.mark.parametrize("kind", ["call", "digit"])
@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options"])
def test_only_post_is_answered(kind: str, method: str, attempt_id: UUID) -> None:
    assert getattr(Client(), method)(path(kind, attempt_id)).status_code == 405


def test_long_values_are_cut(attempt_id: UUID) -> None:
    Attempt.objects.update(provider_id="")
    fields = status_form("failed", CallSid="CA" + "2" * 500, ErrorCode="9" * 500)
    assert post(path("call", attempt_id), fields).status_code == 204
    assert Attempt.objects.get().provider_id == "CA" + "2" * 32


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), kind=st.sampled_from(["call", "digit"]))
def test_garbage_is_never_an_error_of_ours(body: bytes, kind: str, attempt_id: UUID) -> None:
    answer: Any = Client().generic("POST", path(kind, attempt_id), body, content_type=FORM)
    assert 400 <= answer.status_code < 500


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["call", "digit"]),
    fields=st.dictionaries(
        st.sampled_from(["CallSid", "ErrorCode", "To", "AccountSid", "CallStatus", "Digits", "x"]),
        st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.sampled_from(["1", "failed"])),
    ),
)
def test_signed_garbage_is_never_an_error_of_ours(kind: str, fields: dict[str, str], attempt_id: UUID) -> None:
    assert post(path(kind, attempt_id), key_form() | fields).status_code in (200, 204, 400, 403)
