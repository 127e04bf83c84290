"""Numbers that refuse our SMS, by a word to us or to Twilio."""

from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils.translation import gettext, override
from twilio.request_validator import RequestValidator

from messaging.database import clock
from messaging.delivery.courier import Courier
from messaging.models import Message, MessageClass, OptOut
from messaging.outbox import optouts
from messaging.sandbox.control import SandboxControl
from messaging.segments import count_segments
from messaging.states import State
from tests.messaging.engine import ANA, BEN, dispatched, queued, sms

INBOUND = "/api/v1/webhooks/twilio/inbound/"


def says(body: str, settings: Any, *, token: str | None = None, sender: str = ANA, **more: str) -> Any:
    form = {"AccountSid": settings.TWILIO_ACCOUNT_SID, "From": sender, "Body": body, **more}
    signer = RequestValidator(settings.TWILIO_AUTH_TOKEN if token is None else token)
    signature = signer.compute_signature(settings.PUBLIC_BASE_URL + INBOUND, form)
    return Client().post(
        INBOUND,
        urlencode(form),
        headers={"X-Twilio-Signature": signature},
        content_type="application/x-www-form-urlencoded",
    )


def refusing() -> list[str]:
    return list(OptOut.objects.values_list("address", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["STOP", "stop", " Stop\n", "UNSUBSCRIBE", "стоп", "OptOut"])
def test_stop_is_remembered_and_start_forgets_it(word: str, settings: Any) -> None:
    assert says(word, settings).status_code == 200
    assert refusing() == [ANA]
    assert says(word, settings).status_code == 200
    says("START", settings, sender=BEN)
    assert refusing() == [ANA]
    says("Start", settings)
    assert refusing() == []


STOPS = [
    *(
        "Стоп.",
        "«СТОП»",
        '"stop"',
        "stop, thank you",
        "Stop!!!",
        "STOP please",
        "стоп, пожалуйста",
        "“Stop”",
        "- стоп -",
    ),
    *(
        "ТОКТОТ",
        "токтот, рахмат",
        "Stop\nSent from my phone",
        "стоп смс",
        "\u200estop",
        "Stop. I know nobody of that name",
    ),
]
ANOTHER_SUBJECT = ["I stop here", "stop by the shop", "End of the street", "не стоп", "Stopping", "", "...", "5"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", STOPS)
def test_a_stop_counts_however_it_is_written(text: str, settings: Any) -> None:
    assert says(text, settings).status_code == 200
    assert refusing() == [ANA]
    says("«Старт»!", settings)
    assert refusing() == []


@pytest.mark.django_db
@pytest.mark.parametrize("text", ANOTHER_SUBJECT)
def test_a_sentence_about_something_else_is_no_stop(text: str, settings: Any) -> None:
    assert says(text, settings).status_code == 200
    assert refusing() == []


@pytest.mark.django_db
@pytest.mark.parametrize(("word", "language"), [("стоп", "ru"), ("токтот", "ky")])
def test_we_answer_in_the_language_of_the_word(word: str, language: str, settings: Any) -> None:
    reply = says(word, settings).content.decode()
    with override(language):
        assert gettext("AlertMe: you get no more messages but an SOS. Send START to get them again.") in unescape(reply)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("word", "answered"),
    [("STOP", False), ("HELP", False), ("СТОП", True), ("помощь", True), ("I stop here", False)],
)
def test_we_answer_only_words_that_twilio_does_not_answer(word: str, answered: bool, settings: Any) -> None:
    reply = says(word, settings)
    assert reply["Content-Type"] == "text/xml"
    assert (b"<Message>" in reply.content) is answered
    assert (refusing() == [ANA]) is (word in ("STOP", "СТОП"))


@pytest.mark.django_db
def test_twilios_reading_of_a_word_counts(settings: Any) -> None:
    reply = says("ne pishite", settings, OptOutType="STOP")
    assert refusing() == [ANA]
    assert b"<Message>" not in reply.content


@pytest.mark.django_db
def test_forged_garbled_and_oversized_requests_change_nothing(settings: Any) -> None:
    assert says("STOP", settings, token="another token of sixteen").status_code == 403
    assert says("STOP", settings, sender="somebody").status_code == 400
    assert says("S" * 20_000, settings).status_code == 413
    assert Client().post(INBOUND, {"From": ANA}, content_type="application/json").status_code == 400
    assert Client().get(INBOUND).status_code == 405
    assert refusing() == []


@pytest.mark.django_db
def test_a_token_that_is_being_changed_is_taken_too(settings: Any) -> None:
    settings.TWILIO_AUTH_TOKEN_FALLBACKS = ["the token that comes next"]
    assert says("STOP", settings, token="the token that comes next").status_code == 200
    assert says("START", settings).status_code == 200


@pytest.mark.django_db
def test_safety_and_routine_are_not_tried_an_sos_and_a_code_are(settings: Any) -> None:
    says("STOP", settings)
    tried = {kind: queued(sms(kind=kind))[0] for kind in MessageClass}
    assert {kind: m.error_code for kind, m in tried.items()} == {
        MessageClass.EMERGENCY: "",
        MessageClass.VERIFICATION: "",
        MessageClass.SAFETY: "opted_out",
        MessageClass.ROUTINE: "opted_out",
    }
    assert tried[MessageClass.SAFETY].state == State.FAILED


def test_twilios_refusal_is_remembered_until_it_takes_a_message(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(error_code=21610, times=1)
    [refused] = dispatched()
    courier.deliver([refused])
    assert courier.drain(15)
    assert Message.objects.get(id=refused).state == State.FAILED
    assert OptOut.objects.get().reason == "21610"
    courier.deliver(dispatched(to=BEN))
    assert courier.drain(15)
    assert refusing() == [ANA]
    courier.deliver(dispatched())
    assert courier.drain(15)
    assert refusing() == []


@pytest.mark.parametrize("word", ["СТОП", "STOP"])
@pytest.mark.parametrize("refused_before", [True, False])
def test_an_accepted_sos_does_not_undo_an_opt_out_made_on_a_page(
    refused_before: bool, word: str, courier: Courier, phones: SandboxControl, settings: Any
) -> None:
    if refused_before:
        optouts.refused(ANA, now=clock.now())
    says(word, settings)
    courier.deliver(dispatched())
    assert courier.drain(15)
    assert len(phones.messages(ANA)) == 1
    assert refusing() == [ANA]
    says("START", settings)
    assert refusing() == []


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["СТОП", "СТАРТ", "ПОМОЩЬ"])
def test_our_answers_are_in_the_words_language_and_one_segment(word: str) -> None:
    answer = optouts.take_word(ANA, word, now=clock.now())
    assert set("абвгдежзиклмнопрстуя") & set(answer)
    assert count_segments(answer) == 1
