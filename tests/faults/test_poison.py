"""Poisoned broker messages: workers go on, nothing is lost, and the operator sees the messages but no number."""

import json
from contextlib import closing
from typing import Any

import pika

from deploy.local.processes import wait_until
from tests.world import World
from tests.world.installation import WORKERS

NUMBER, NAME = "996709876543", "Aigerim"


def _body(actor: object = "deliver", *args: object, **changes: object) -> bytes:
    fields: dict[str, Any] = {"queue_name": "emergency", "actor_name": actor, "args": args, "kwargs": {}}
    fields |= {"options": {}, "message_id": "1", "message_timestamp": 1}
    return json.dumps(fields | changes).encode()


POISON = {
    "unknown actor": _body("gone", [1]),
    "no list": _body("deliver", 5),
    "no ids": _body("deliver", [f"+{NUMBER}", NAME]),
    "a number for ever": _body("deliver", {NAME: NUMBER}, kwargs={"name": NAME}),
    "undecodable": b"\xff" + NAME.encode(),
    "no message": b"[]",
    "nothing": b"",
    "another's queue": _body("deliver", [1], queue_name="nowhere"),
    "no options": _body("deliver", [1], options=None),
    "no name": _body(["deliver"], [1]),
}
# More copies of each than a worker has threads or prefetches.
COPIES = 10


def _publish(world: World, queue: str, body: bytes) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(world.rabbitmq_url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for _ in range(COPIES):
            channel.basic_publish("", queue, body)


def test_poison_stops_nobody_and_ends_where_the_operator_sees_it(world: World) -> None:
    world.execute("DELETE FROM config_deadletter")
    world.execute("DELETE FROM messaging_operatoralarm WHERE code = 'broker_dead_letters'")
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon")]
    pids = {name: world.processes[name].pid for name in WORKERS}

    for body in POISON.values():
        _publish(world, "emergency", body)
    assert aida.press_sos().status_code == 201

    world.wait_for_states(phones, {"delivered": 2})
    assert len(world.arrivals(phones)) == 2
    assert wait_until(lambda: _died(world) == len(POISON) * COPIES, timeout_s=40, every_s=1), _letters(world)
    # Workers took every one of them, and no worker and no thread has ended.
    assert pids == {name: process.pid for name, process in world.processes.items() if name in WORKERS}
    assert all(world.processes[name].is_running for name in WORKERS)
    again = [c.phone for c in aida.add_contacts("Daniyar")][-1:]
    assert aida.post(f"sos-alerts/{aida.get('sos-alerts/').json()['results'][0]['id']}/resolve/", {}).ok
    assert aida.press_sos().status_code == 201
    world.wait_for_states(again, {"delivered": 1})
    assert world.deliverers(again) == {"worker": 1}
    _assert_nothing_leaked(world)


def _died(world: World) -> int:
    """Let the thirty seconds pass after which dead letters are collected; returns their number."""
    world.execute("UPDATE config_periodicrun SET due_at = now() WHERE name = 'collect_dead_letters'")
    [(died,)] = world.rows("SELECT coalesce(sum(times), 0) FROM config_deadletter")
    return int(died)


def _letters(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT queue, actor, arguments, reason, times FROM config_deadletter ORDER BY id")


def _assert_nothing_leaked(world: World) -> None:
    [(alarms,)] = world.rows("SELECT count(*) FROM messaging_operatoralarm WHERE code = 'broker_dead_letters'")
    assert alarms >= 1
    kept = str(world.rows("SELECT * FROM config_deadletter")) + "".join(
        process.log.read_text() for process in world.processes.values()
    )
    assert NUMBER not in kept
    assert NAME not in kept


def test_a_replay_reaches_the_workers(world: World) -> None:
    """The hint of a waiting message died. When it is replayed, a worker sends the message."""
    world.execute("DELETE FROM config_deadletter")
    with world.frozen(*WORKERS):
        [phone] = world.queue_routine(1)
        assert wait_until(lambda: world.states([phone]) == {"dispatched": 1}, timeout_s=20)
        world.rabbitmq.purge("messages")
        [(message_id,)] = world.rows("SELECT id FROM messaging_message WHERE address = %s", phone)
        # The scheduler does not rescue the message, so only the replay can deliver it.
        world.execute("UPDATE messaging_message SET due_at = now() + interval '1 h' WHERE id = %s", message_id)
    _publish(world, "messages.XQ", _body("deliver", [message_id], queue_name="messages"))
    assert wait_until(lambda: _died(world) == COPIES, timeout_s=30, every_s=0.5), _letters(world)

    world.execute("UPDATE config_deadletter SET replay_asked_at = now()")

    world.wait_for_states([phone], {"delivered": 1})
    assert world.deliverers([phone]) == {"worker": 1}
    assert len(world.arrivals([phone])) == 1
