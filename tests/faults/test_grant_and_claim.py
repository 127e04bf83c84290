"""Many processes see the same work and exactly one does it. A process that freezes over it does not keep it."""

import signal
import time

from deploy.local.processes import send, wait_until
from tests.world import World
from tests.world.installation import SCHEDULERS
from tests.world.sockets import ports_to


def test_two_workers_and_two_schedulers_send_500_once(world: World) -> None:
    world.pace(0)
    phones = world.queue_routine(500)

    with world.extra_worker("messages"):
        world.wait_for_states(phones, {"delivered": 500}, timeout_s=60)

    arrivals = world.arrivals(phones)
    assert len(arrivals) == len({a.to for a in arrivals}) == 500


def test_scheduler_frozen_inside_the_grant(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    # The grant's own statement is slowed, so that the process can be frozen while it holds the row of the sender.
    world.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END'"
    )
    world.execute("CREATE TRIGGER slow BEFORE UPDATE ON messaging_sender FOR EACH ROW EXECUTE FUNCTION slow()")
    frozen = 0
    try:
        assert aida.press_sos().status_code == 201
        frozen = _freeze_whoever_grants(world)
        stopped = time.time()
        assert frozen in [world.processes[name].pid for name in SCHEDULERS]
        world.execute("DROP TRIGGER slow ON messaging_sender")
        [arrival] = world.wait_for_arrivals([bek.phone], timeout_s=15)
        assert arrival.at - stopped < 3
    finally:
        world.execute("DROP TRIGGER IF EXISTS slow ON messaging_sender")
        world.execute("DROP FUNCTION slow")
        if frozen:
            send(frozen, signal.SIGCONT)
    # The thawed scheduler finds its transaction gone and goes on.
    world.wait_for_states([bek.phone], {"delivered": 1})
    time.sleep(1)
    assert len(world.arrivals([bek.phone])) == 1
    assert all(world.processes[name].is_running for name in SCHEDULERS)


def _freeze_whoever_grants(world: World) -> int:
    ports: list[int] = []

    def granting() -> bool:
        ports[:] = [
            port
            for (port,) in world.rows(
                "SELECT client_port FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
            )
        ]
        return bool(ports)

    assert wait_until(granting, timeout_s=5, every_s=0.005)
    [pid] = [p for name in SCHEDULERS if ports[0] in ports_to(world.database_url, p := world.processes[name].pid)]
    send(pid, signal.SIGSTOP)
    return pid


def test_sos_overtakes_a_thousand_routine_messages(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar", "Elnura", "Farida")]
    world.pace(10)
    letters = world.queue_routine(1_000)
    assert wait_until(lambda: len(world.arrivals(letters)) >= 10, timeout_s=20)

    pressed = time.time()
    assert aida.press_sos().status_code == 201
    arrivals = world.wait_for_arrivals(phones, timeout_s=20)

    assert max(a.at for a in arrivals) - pressed < 2
    # By rank the first contact has the first slot.
    granted = world.rows(
        "SELECT m.address FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id"
        " WHERE e.state = 'dispatched' AND m.address = ANY(%s) ORDER BY e.id",
        phones,
    )
    assert list(dict.fromkeys(address for (address,) in granted)) == phones


def test_the_pace_holds_where_messages_arrive(world: World) -> None:
    world.pace(10)
    letters = world.queue_routine(60)

    assert wait_until(lambda: len(world.arrivals(letters)) == 60, timeout_s=30)

    at = sorted(a.at for a in world.arrivals(letters))
    worst = max(sum(1 for other in at if start <= other < start + 1) for start in at)
    assert worst <= 11
