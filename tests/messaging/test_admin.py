"""The operator edits senders while everything runs, and sees neither numbers nor texts."""

from datetime import timedelta

import pytest
from django.test import Client

from identity.models import User
from messaging.database import clock
from messaging.delivery import pacing
from messaging.models import Message, Sender, SenderOutage
from messaging.outbox.senders import DEFAULT
from messaging.states import State
from tests.messaging.engine import ANA, granted_ids, set_pace, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("+996777000001", "operators-password"))
    return client


def form(sender: Sender, **changes: object) -> dict[str, object]:
    shown = {
        "name": sender.name,
        "channel": sender.channel,
        "origin": sender.origin,
        "preference": sender.preference,
        "countries": ",".join(sender.countries),
        "classes": ",".join(map(str, sender.classes)),
        "is_active": "on",
        "segments_per_second": sender.segments_per_second,
        "segments_per_day": sender.segments_per_day,
    }
    return shown | changes


def test_a_new_pace_holds_from_the_next_grant(operator: Client) -> None:
    sender = set_pace(1)
    for _ in range(5):
        standing(State.QUEUED)
    assert len(granted_ids()) == 1
    answer = operator.post(f"/admin/messaging/sender/{sender.id}/change/", form(sender, segments_per_second=100))
    assert answer.status_code == 302
    before = sender.next_free_at
    sender.refresh_from_db()
    assert pacing.interval(sender.segments_per_second) < timedelta(milliseconds=11)
    assert sender.next_free_at > before  # A message that was granted keeps its slot.
    Sender.objects.update(next_free_at=clock.now())
    assert len(granted_ids()) == 4


def test_a_pace_that_was_mistyped_and_put_right_keeps_nobody_waiting(operator: Client) -> None:
    sender = set_pace(0.01)
    standing(State.QUEUED)
    standing(State.QUEUED)
    assert len(granted_ids()) == 1
    sender.refresh_from_db()
    assert sender.next_free_at > clock.now() + timedelta(seconds=90)
    operator.post(f"/admin/messaging/sender/{sender.id}/change/", form(sender, segments_per_second=10))
    sender.refresh_from_db()
    assert sender.next_free_at <= clock.now() + timedelta(milliseconds=100)


def test_a_sender_is_added(operator: Client) -> None:
    default = Sender.objects.get(name=DEFAULT)
    wanted = form(default, name="letters", origin="Letters", countries="+996,+7", classes="2,3")
    assert operator.post("/admin/messaging/sender/add/", wanted).status_code == 302
    made = Sender.objects.get(name="letters")
    assert (made.countries, made.classes) == (["+996", "+7"], [2, 3])
    assert made.next_free_at <= clock.now()


@pytest.mark.parametrize(
    "garbage",
    [
        {"segments_per_second": "-1"},
        {"segments_per_second": "nan"},
        {"segments_per_second": "inf"},
        {"segments_per_second": "1e9"},
        {"segments_per_day": "-5"},
        {"countries": "KG"},
        {"countries": "+996000"},
        {"classes": "9"},
        {"classes": "x"},
        {"channel": "pigeon"},
        {"origin": "", "messaging_service_sid": ""},
        {"name": ""},
    ],
)
def test_garbage_is_refused(operator: Client, garbage: dict[str, str]) -> None:
    sender = Sender.objects.get(name=DEFAULT)
    answer = operator.post(f"/admin/messaging/sender/{sender.id}/change/", form(sender, **garbage))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "errornote" in answer.content.decode()


def test_a_sender_is_taken_out_and_not_deleted(operator: Client) -> None:
    sender = Sender.objects.get(name=DEFAULT)
    assert operator.post(f"/admin/messaging/sender/{sender.id}/delete/", {"post": "yes"}).status_code == 403
    assert (
        operator.post(
            f"/admin/messaging/sender/{sender.id}/change/",
            {name: value for name, value in form(sender).items() if name != "is_active"},
        ).status_code
        == 302
    )
    sender.refresh_from_db()
    assert not sender.is_active


def test_an_outage_that_was_put_right_is_ended_by_hand(operator: Client) -> None:
    now = clock.now()
    outage = SenderOutage.objects.create(
        sender=Sender.objects.get(name=DEFAULT), error_code="21606", since=now, until=now + timedelta(minutes=1)
    )
    assert "21606" in operator.get("/admin/messaging/senderoutage/").content.decode()
    assert operator.post(f"/admin/messaging/senderoutage/{outage.id}/delete/", {"post": "yes"}).status_code == 302
    assert not SenderOutage.objects.exists()


def test_lists_show_neither_numbers_nor_texts(operator: Client) -> None:
    message = standing(State.QUEUED, text="Ana needs help")
    for page in ("message/", f"message/{message.id}/change/", "dailycount/", "operatoralarm/", "sender/"):
        shown = operator.get(f"/admin/messaging/{page}").content.decode()
        assert ANA not in shown
        assert "needs help" not in shown
    assert Message.objects.count() == 1
