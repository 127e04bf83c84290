"""Broker messages that no worker could do become rows that show ids only, and can be published once more."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import dramatiq
import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client
from dramatiq.common import dq_name, xq_name
from dramatiq.middleware import Retries

from config import deadletters
from config.broker import ErrorNames, QuorumBroker, connect
from config.models import DeadLetter, PeriodicRun
from config.relay import Relay
from deploy.local.processes import wait_until
from deploy.local.rabbitmq import PrivateRabbitMQ
from identity.models import User
from messaging.database import clock
from messaging.models import OperatorAlarm
from tests.race import at_once

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "deadlettertests"  # The workers of the running installation do not read this queue.
NUMBER = "+996700000001"


@pytest.fixture
def broker(rabbitmq_server: PrivateRabbitMQ, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuorumBroker]:
    broker = connect(urls=[rabbitmq_server.url], middleware=[])
    assert isinstance(broker, QuorumBroker)
    broker.declare_queue(OURS, ensure=True)
    broker.flush(OURS)
    dramatiq.actor(actor_name="deliver", queue_name=OURS, broker=broker)(lambda ids: None)
    monkeypatch.setattr(dramatiq, "get_broker", lambda: broker)
    monkeypatch.setattr(deadletters, "QUEUES", (OURS, "nobody-declared-this"))
    yield broker
    broker.close()


def body(actor: object = "deliver", *args: object, **changes: object) -> bytes:
    fields = {"queue_name": OURS, "actor_name": actor, "args": args, "kwargs": {}, "options": {}}
    return json.dumps(fields | {"message_id": "1", "message_timestamp": 1} | changes).encode()


def bury(broker: QuorumBroker, *bodies: bytes) -> None:
    for item in bodies:
        broker.channel.basic_publish("", xq_name(OURS), item)


def collected() -> list[DeadLetter]:
    deadletters.collect(now=clock.now())
    return list(DeadLetter.objects.order_by("id"))


UNREADABLE = [b"", b"\xff\xfe", b"[]", b"null", b"{}", NUMBER.encode(), body(["deliver"]), body("x" * 61), body("a b")]


@pytest.mark.parametrize("item", UNREADABLE)
def test_an_unreadable_message_is_counted_and_not_kept(item: bytes, broker: QuorumBroker) -> None:
    bury(broker, item)
    [letter] = collected()
    assert (letter.queue, letter.actor, letter.arguments, letter.reason) == (OURS, "", None, "undecodable")


@pytest.mark.parametrize(
    ("item", "arguments", "reason"),
    [
        (body("deliver", [1, 2]), [[1, 2]], "rejected"),
        (body("deliver", [1], options={"error": "DataError"}), [[1]], "DataError"),
        (body("deliver", [1], options={"error": f"no {NUMBER}"}), [[1]], "rejected"),
        (body("deliver", [1], options=None), [[1]], "rejected"),
        (
            body("gone", ["0192e4a0-0000-7000-8000-000000000000"]),
            [["0192e4a0-0000-7000-8000-000000000000"]],
            "unknown_actor",
        ),
        (body("deliver", NUMBER), None, "rejected"),
        (body("deliver", [996700000001]), None, "rejected"),
        (body("deliver", ["Aida"]), None, "rejected"),
        (body("deliver", {"text": "SOS"}), None, "rejected"),
        (body("deliver", [True, 1.5, None]), None, "rejected"),
        (body("deliver", [1], kwargs={"phone": NUMBER}), None, "rejected"),
        (body("gone", "mail_alarms"), ["mail_alarms"], "unknown_actor"),
        (body("gone", "mail_nobody"), None, "unknown_actor"),
    ],
)
def test_only_ids_are_kept(item: bytes, arguments: list[Any] | None, reason: str, broker: QuorumBroker) -> None:
    PeriodicRun.objects.create(name="mail_alarms", due_at=clock.now())
    bury(broker, item)
    [letter] = collected()
    assert (letter.arguments, letter.reason) == (arguments, reason)


def test_they_leave_the_broker_and_the_operator_is_told(broker: QuorumBroker) -> None:
    bury(broker, body("deliver", [1]), body("deliver", [1], message_id="2"), b"\xff", b"\xff", b"\xfe")
    assert [letter.times for letter in collected()] == [2, 2, 1]
    assert broker.channel.queue_declare(xq_name(OURS), passive=True).method.message_count == 0
    assert deadletters.collect(now=clock.now()) == 0
    alarm = OperatorAlarm.objects.get()
    assert (alarm.code, alarm.detail) == ("broker_dead_letters", {"letters": 5, "queue": OURS, "reason": "rejected"})


def test_hints_that_met_no_database_do_not_bury_the_others(broker: QuorumBroker) -> None:
    bury(broker, body("deliver", [1], options={"error": "OperationalError"}), b"\xff")
    assert [letter.reason for letter in collected()] == ["undecodable"]


def test_a_retry_names_its_error_and_quotes_nothing(broker: QuorumBroker) -> None:
    for middleware in (Retries(), ErrorNames()):
        broker.add_middleware(middleware)
    tried = dramatiq.MessageProxy(broker.get_actor("deliver").message([1]))
    try:
        raise ValueError(f"no such number: {NUMBER}")
    except ValueError as error:
        broker.emit_after("process_message", tried, exception=error)
    _, _, published = broker.channel.basic_get(dq_name(OURS), auto_ack=True)
    options = json.loads(published)["options"]
    assert (options["error"], options["retries"]) == ("ValueError", 1)
    assert "traceback" not in options
    assert NUMBER.encode() not in published


def test_without_a_broker_there_is_nothing_to_collect(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("amqp://guest:guest@127.0.0.1:1/", "memory://local"):
        broker = connect(urls=[url], middleware=[])
        monkeypatch.setattr(dramatiq, "get_broker", lambda broker=broker: broker)
        assert deadletters.collect(now=clock.now()) == 0


def test_the_newest_are_kept(broker: QuorumBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadletters, "KEPT", 2)
    for number in range(4):
        bury(broker, body("deliver", [number]))
        collected()
    assert [letter.arguments for letter in DeadLetter.objects.order_by("id")] == [[[2]], [[3]]]


def test_a_replay_is_published_once_and_may_die_again(broker: QuorumBroker) -> None:
    bury(broker, body("deliver", [1, 2]), b"\xff", body("deliver", NUMBER))
    letters = collected()
    assert deadletters.ask_replay([letter.id for letter in letters], now=clock.now()) == 1
    taken = at_once(deadletters.take_replays, deadletters.take_replays, deadletters.take_replays)
    [(letter_id, message)] = [letter for letters in taken for letter in letters.items()]
    assert (message.queue_name, message.actor_name, message.args) == (OURS, "deliver", ([1, 2],))
    assert deadletters.take_replays() == {}
    deadletters.confirm_replay(letter_id)
    bury(broker, message.encode())
    again = collected()[0]
    assert again.id == letters[0].id
    assert again.times == 2
    assert again.replayed_at is not None
    assert again.replayed_at < again.last_at


def test_a_replay_that_the_broker_did_not_confirm_is_published_again(broker: QuorumBroker) -> None:
    bury(broker, body("deliver", [1, 2]))
    [letter] = collected()
    deadletters.ask_replay([letter.id], now=clock.now())
    relay = Relay()

    refusing = connect(urls=["amqp://guest:guest@127.0.0.1:1/"], middleware=[])
    [(letter_id, message)] = deadletters.take_replays().items()
    assert relay.publish(message, at=refusing, then=lambda: deadletters.confirm_replay(letter_id))
    assert not wait_until(lambda: has_been_replayed(letter), timeout_s=1)
    assert deadletters.take_replays() == {}
    DeadLetter.objects.update(replay_asked_at=F("replay_asked_at") - deadletters.REPLAYED_AGAIN_AFTER)

    [(letter_id, message)] = deadletters.take_replays().items()
    assert relay.publish(message, at=broker, then=lambda: deadletters.confirm_replay(letter_id))
    assert wait_until(lambda: has_been_replayed(letter), timeout_s=10)
    assert DeadLetter.objects.get().replay_asked_at is None
    _, _, published = broker.channel.basic_get(OURS, auto_ack=True)
    assert json.loads(published)["args"] == [[1, 2]]


def has_been_replayed(letter: DeadLetter) -> bool:
    return DeadLetter.objects.exclude(replayed_at=None).filter(id=letter.id).exists()


def command(*words: str) -> str:
    said = StringIO()
    call_command("deadletters", *words, stdout=said)
    return said.getvalue()


def test_the_operator_lists_replays_and_purges(broker: QuorumBroker) -> None:
    bury(broker, body("deliver", [1, 2]), body("deliver", NUMBER))
    whole, withheld = collected()
    assert "deliver([1, 2],)" in command("list")
    assert "withheld" in command("list")
    assert NUMBER[1:] not in command("list")
    assert command("replay", "--all").startswith("1 will be published")
    assert command("replay", str(withheld.id)).startswith("0 will be published")
    for letter_id in deadletters.take_replays():
        assert "replayed 20" not in command("list")
        deadletters.confirm_replay(letter_id)
    assert "replayed 20" in command("list")
    assert command("purge", str(whole.id)) == "1 forgotten.\n"
    assert command("purge", "--all") == "1 forgotten.\n"
    assert command("list") == ""


@pytest.mark.parametrize("words", [["replay"], ["purge"], ["purge", "1", "--all"]])
def test_the_command_asks_for_ids_or_all(words: list[str]) -> None:
    with pytest.raises(CommandError, match="Give ids, or --all"):
        command(*words)


@pytest.mark.parametrize("may_operate", [True, False])
def test_the_admin_shows_them_and_lets_those_who_may_replay(may_operate: bool, broker: QuorumBroker) -> None:
    bury(broker, body("deliver", [1, 2]))
    [letter] = collected()
    staff = User.objects.create(phone_number=NUMBER, is_staff=True)
    names = ["view_deadletter", "change_deadletter"] if may_operate else ["view_deadletter"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(staff)
    page = client.get("/admin/config/deadletter/", secure=True)
    assert page.status_code == 200
    assert b"[[1, 2]]" in page.content
    for action, left in (("replay", 1), ("purge", 0 if may_operate else 1)):
        client.post("/admin/config/deadletter/", {"action": action, "_selected_action": [letter.id]}, secure=True)
        letters = DeadLetter.objects.filter(id=letter.id)
        assert letters.count() == left
        assert letters.exclude(replay_asked_at=None).exists() is (may_operate and bool(left))
