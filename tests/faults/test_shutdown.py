"""A worker that is told to stop finishes its requests. Restarted with a backlog, it does not hold up an SOS."""

import time

from deploy.local.processes import wait_until
from tests.world import World


def test_a_worker_told_to_stop_finishes_its_calls(world: World) -> None:
    world.pace(0)
    world.sandbox.behave(latency_ms=1_500)
    phones = world.queue_routine(60)
    assert wait_until(lambda: len(world.arrivals(phones)) >= 20, timeout_s=20)

    world.processes["worker-messages"].stop()

    assert "Killing" not in world.processes["worker-messages"].tail()
    assert world.states(phones)["sending"] == 0
    world.processes["worker-messages"].start()
    world.wait_for_states(phones, {"delivered": 60}, timeout_s=60)
    assert len(world.arrivals(phones)) == 60
    assert world.rows(
        "SELECT count(*) FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id"
        " WHERE e.state = 'unknown' AND m.address = ANY(%s)",
        phones,
    ) == [(0,)]


def test_a_backlog_of_lost_slots_does_not_hold_up_an_sos(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    world.pace(10)
    with world.frozen("worker-messages"):
        letters = world.queue_routine(200)
        assert wait_until(lambda: world.states(letters)["dispatched"] >= 60, timeout_s=20)
    time.sleep(0.3)

    pressed = time.time()
    assert aida.press_sos().status_code == 201
    arrivals = world.wait_for_arrivals(phones, timeout_s=20)

    assert max(a.at for a in arrivals) - pressed < 2.5


def test_with_dead_workers_the_all_clear_arrives_too(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    alert = aida.press_sos().json()
    world.wait_for_states([bek.phone], {"delivered": 1})
    with world.without("worker-messages", "worker-emergency"):
        assert aida.post(f"sos-alerts/{alert['id']}/resolve/", {}).ok
        assert wait_until(lambda: len(world.arrivals([bek.phone])) == 2, timeout_s=20)
    world.wait_for_states([bek.phone], {"delivered": 2})
    assert len(world.arrivals([bek.phone])) == 2
