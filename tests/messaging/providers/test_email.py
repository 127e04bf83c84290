"""E-mail through a real SMTP server: its text, every answer, and the doubt that a broken connection leaves."""

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.core import mail

from messaging import policy
from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.models import AttemptOutcome, Channel, Message, MessageClass, OperatorAlarm
from messaging.providers import LookUpFailed, Search, email
from messaging.states import State
from tests.mailbox import Mailbox
from tests.messaging.engine import attempts, dispatched, grant, settle, shift, state_of, story
from tests.messaging.threads import no_email_thread_waits

MakeCourier = Callable[[], Courier]
SECOND = timedelta(seconds=1)
ANA = "ana@example.org"


def mails(
    count: int = 1, *, text: str = "Aida is in danger", to: str = ANA, language: str = "en", **more: Any
) -> list[int]:
    return dispatched(count, to=to, channel=Channel.EMAIL, text=text, language=language, **more)


def sent(courier: Courier, **more: Any) -> Message:
    """An e-mail after its first attempt."""
    [message_id] = mails(**more)
    courier.deliver([message_id])
    assert courier.drain(20)
    return Message.objects.get(id=message_id)


def send_again(courier: Courier, message: Message) -> None:
    Message.objects.filter(id=message.id).update(due_at=clock.now())
    grant()
    courier.deliver([message.id])
    assert courier.drain(20)
    message.refresh_from_db()


def body(letter: EmailMessage) -> str:
    return str(letter.get_content()).replace("\r\n", "\n").strip()


def alarms() -> list[str]:
    return list(OperatorAlarm.objects.values_list("code", flat=True))


def test_an_accepted_email_is_delivered_and_its_text_erased(courier: Courier, mailbox: Mailbox) -> None:
    message = sent(courier, text="Айда в опасности\n" + "очень " * 300)
    assert (message.state, message.text) == (State.DELIVERED, None)
    assert message.accepted_at is not None
    assert message.final_at is not None
    assert story(message.id) == [State.SENDING, State.DELIVERED]
    assert attempts(message.id)[0].outcome == AttemptOutcome.ACCEPTED
    [letter] = mailbox.mails
    assert body(letter) == ("Айда в опасности\n" + "очень " * 300).strip()
    assert (letter["To"], letter["From"]) == (ANA, "AlertMe <alertme@alertme.example>")
    assert letter["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("kind", "language", "expected"),
    [
        (MessageClass.EMERGENCY, "en", "SOS: somebody needs your help"),
        (MessageClass.EMERGENCY, "ru", "SOS: нужна ваша помощь"),
        (MessageClass.EMERGENCY, "ky", "SOS: сиздин жардамыңыз керек"),
        (MessageClass.VERIFICATION, "ru", "Ваш код AlertMe"),
        (MessageClass.SAFETY, "ky", "AlertMe билдирүүсү"),
        (MessageClass.ROUTINE, "", "A message from AlertMe"),
    ],
)
def test_the_subject_says_how_urgent_it_is_and_nothing_about_anybody(
    kind: MessageClass, language: str, expected: str, courier: Courier, mailbox: Mailbox
) -> None:
    sent(courier, kind=kind, language=language, text="Aida +996700111222")
    assert mailbox.mails[0]["Subject"].strip() == expected  # The header was folded.


def test_two_emails_have_two_ids_and_one_that_is_repeated_has_one(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "DATA 451 try later"
    mailbox.times[ANA] = 1
    repeated, other = sent(courier), sent(courier)
    send_again(courier, repeated)
    first, second, third = [letter["Message-ID"] for letter in mailbox.mails]
    assert first == third != second
    assert first.endswith("@alertme.example>")
    assert str(repeated.id) not in first.partition("@")[0].split("-")
    assert (repeated.state, other.state) == (State.DELIVERED, State.DELIVERED)


@pytest.mark.parametrize("reply", ["550 5.1.1 no such user", "551 moved", "552 5.2.2 mailbox full", "553 bad name"])
@pytest.mark.parametrize("command", ["", "DATA "])
def test_a_refused_recipient_is_final(command: str, reply: str, courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = command + reply
    message = sent(courier)
    assert (message.state, message.error_code, message.text) == (State.FAILED, reply[:3], None)
    assert attempts(message.id)[0].outcome == AttemptOutcome.NOT_CREATED
    assert alarms() == []


@pytest.mark.parametrize("reply", ["421 4.3.2 going down", "450 4.2.1 busy", "451 4.7.1 greylisted", "452 full"])
@pytest.mark.parametrize("command", ["", "DATA "])
def test_a_temporary_refusal_is_tried_again(command: str, reply: str, courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = command + reply
    mailbox.times[ANA] = 1
    message = sent(courier)
    assert (message.state, message.error_code) == (State.QUEUED, reply[:3])
    send_again(courier, message)
    assert message.state == State.DELIVERED
    assert alarms() == []


@pytest.mark.parametrize("reply", ["554 5.7.1 relay access denied", "550 5.7.1 blocked for spam", "530 5.7.0 sign in"])
def test_a_refusal_of_our_server_alarms_the_operator_and_the_email_waits(
    reply: str, courier: Courier, mailbox: Mailbox
) -> None:
    mailbox.script[ANA] = reply
    message = sent(courier)
    assert (message.state, message.error_code) == (State.QUEUED, reply[:3])
    assert alarms() == ["provider_configuration"]


@pytest.mark.parametrize(("reply", "alarm"), [("550 5.7.1 not yours", ["provider_configuration"]), ("451 later", [])])
def test_a_refused_sender_says_nothing_about_the_recipient(
    reply: str, alarm: list[str], courier: Courier, mailbox: Mailbox
) -> None:
    mailbox.script[""] = f"MAIL {reply}"
    assert sent(courier).state == State.QUEUED
    assert alarms() == alarm


def test_a_code_nobody_knows_is_tried_three_times_and_reported(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "599 what"
    message = sent(courier)
    for _ in range(2):
        send_again(courier, message)
    assert (message.state, message.attempts) == (State.FAILED, 3)
    assert alarms() == ["provider_unrecognised"]


def test_a_password_the_server_does_not_know_alarms(courier: Courier, mailbox: Mailbox, settings: Any) -> None:
    # This server offers no AUTH, like a server behind a wrong port.
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "us", "secret"
    assert sent(courier).error_code == "SMTPNotSupportedError"
    assert alarms() == ["provider_configuration"]


def test_encryption_the_server_does_not_offer_alarms_and_nothing_leaves(
    courier: Courier, mailbox: Mailbox, settings: Any
) -> None:
    settings.EMAIL_USE_TLS = True
    assert sent(courier).error_code == "SMTPNotSupportedError"
    assert mailbox.mails == []


def test_a_server_that_is_not_there_certainly_took_nothing(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.stop()
    message = sent(courier)
    assert (message.state, message.error_code) == (State.QUEUED, "ConnectionRefusedError")
    assert attempts(message.id)[0].outcome == AttemptOutcome.NOT_CREATED


def test_a_connection_lost_before_the_text_is_tried_again(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "drop early"
    mailbox.times[ANA] = 1
    message = sent(courier)
    assert (message.state, message.error_code) == (State.QUEUED, "SMTPServerDisconnected")
    send_again(courier, message)
    assert message.state == State.DELIVERED
    assert len(mailbox.mails) == 1


def test_a_connection_lost_after_the_text_leaves_the_outcome_unknown(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "drop"
    message = sent(courier)
    assert message.state == State.UNKNOWN
    assert message.text is not None
    assert attempts(message.id)[0].outcome == AttemptOutcome.UNKNOWN


def test_an_unknown_emergency_is_sent_again_as_the_same_email(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "drop"
    mailbox.times[ANA] = 1
    message = sent(courier)
    assert settle(courier) == 0
    shift(message.id, policy.RESEND_EMERGENCY_AFTER)
    assert settle(courier) == 1
    send_again(courier, message)
    assert message.state == State.DELIVERED
    first, second = [letter["Message-ID"] for letter in mailbox.mails]
    assert first == second


def test_any_other_unknown_email_ends_unconfirmed_at_once(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "drop"
    message = sent(courier, kind=MessageClass.SAFETY)
    assert settle(courier) == 1
    message.refresh_from_db()
    assert (message.state, message.error_code) == (State.UNCONFIRMED, "no_evidence")
    assert len(mailbox.mails) == 1


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "ATTEMPT_TIMEOUT", SECOND)
    monkeypatch.setattr(policy, "SHORTEST_ATTEMPT", SECOND / 10)


def test_a_server_silent_after_the_text_ends_at_the_deadline(
    hurry: None, make_courier: MakeCourier, mailbox: Mailbox
) -> None:
    mailbox.script[ANA] = "hang"
    started = time.monotonic()
    message = sent(make_courier())
    assert time.monotonic() - started < 10  # The server itself would be silent for a minute.
    assert message.state == State.UNKNOWN
    assert no_email_thread_waits()


def test_a_server_that_never_greets_certainly_took_nothing(
    hurry: None, make_courier: MakeCourier, mailbox: Mailbox, settings: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_PORT = silent.getsockname()[1]
        message = sent(make_courier())
        assert (message.state, message.error_code) == (State.QUEUED, "TimeoutError")
        assert no_email_thread_waits()


def test_a_process_that_wakes_too_late_writes_no_text(
    make_courier: MakeCourier, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = email.SmtpBackend.open

    def freeze(backend: email.SmtpBackend) -> Any:
        is_new = opened(backend)
        # The process wakes a second after the last moment for writing.
        backend._progress.write_by = time.monotonic() - 1
        return is_new

    monkeypatch.setattr(email.SmtpBackend, "open", freeze)
    message = sent(make_courier())
    assert (message.state, message.error_code) == (State.QUEUED, "slot_missed")
    assert mailbox.mails == []


def test_a_slow_mail_server_delays_no_other_recipient(courier: Courier, mailbox: Mailbox) -> None:
    mailbox.script[ANA] = "hang"
    [slow], [fast] = mails(), mails(to="ben@example.org")
    courier.deliver([slow, fast])
    mailbox.wait_for("ben@example.org", 1, 5)
    assert state_of(slow) == State.SENDING
    mailbox.stop()  # Ends the hanging connection.
    assert courier.drain(20)
    assert state_of(fast) == State.DELIVERED


def test_many_at_once_arrive_once_each(courier: Courier, mailbox: Mailbox) -> None:
    ids = mails(60)
    courier.deliver(ids)
    assert courier.drain(30)
    assert {state_of(i) for i in ids} == {State.DELIVERED}
    assert len({letter["Message-ID"] for letter in mailbox.mails}) == len(mailbox.mails) == 60


def test_another_backend_of_djangos_is_used_as_it_is(courier: Courier, settings: Any) -> None:
    assert settings.EMAIL_BACKEND.endswith("locmem.EmailBackend")
    assert sent(courier).state == State.DELIVERED
    assert mail.outbox[0].to == [ANA]


def test_a_backend_that_does_not_exist_is_reported_and_retried(courier: Courier, settings: Any) -> None:
    settings.EMAIL_BACKEND = "no.such.Backend"
    message = sent(courier)
    assert (message.state, message.error_code) == (State.QUEUED, "ModuleNotFoundError")


def test_nobody_can_be_asked_what_became_of_an_email(courier: Courier) -> None:
    search = Search(address=ANA, origin="", text="", since=clock.now(), known=set())
    provider = courier.run(courier.provider(Channel.EMAIL))
    for question in (provider.find(search), provider.fetch("x")):
        with pytest.raises(LookUpFailed):
            courier.run(question)
