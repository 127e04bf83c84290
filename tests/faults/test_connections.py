"""Database connections are pooled and limited: a worker that waits for Twilio holds none."""

from deploy.local.processes import descendants, wait_until
from tests.world import World
from tests.world.sockets import ports_to

IN_FLIGHT = 200
# One for each of the four threads of the pool, one for the recorder, and one more for a thread between two messages.
MOST = 6


def _sessions(world: World, name: str) -> list[tuple[int, str]]:
    """The (backend process id, state) of every session that a process of the installation has in PostgreSQL."""
    family = {world.processes[name].pid, *descendants(world.processes[name].pid)}
    ports = set().union(*(ports_to(world.database_url, pid) for pid in family))
    return world.rows(
        "SELECT pid, state FROM pg_stat_activity WHERE datname = current_database() AND client_port = ANY(%s)",
        list(ports),
    )


def test_workers_hold_no_connection_while_they_wait_for_twilio(world: World) -> None:
    world.pace(0)
    world.sandbox.behave(latency_ms=5_000, callback_delay_ms=6_000)
    phones = world.queue_routine(IN_FLIGHT)
    assert wait_until(lambda: world.states(phones) == {"sending": IN_FLIGHT}, timeout_s=20)
    assert wait_until(lambda: len(world.arrivals(phones)) == IN_FLIGHT, timeout_s=20)

    sessions = _sessions(world, "worker-messages")
    # No thread uses the sessions: without them every outcome is recorded all the same.
    for backend, _ in sessions:
        world.rows("SELECT pg_terminate_backend(%s)", backend)

    assert world.states(phones) == {"sending": IN_FLIGHT}
    assert 1 <= len(sessions) <= MOST
    assert {state for _, state in sessions} == {"idle"}
    world.wait_for_states(phones, {"delivered": IN_FLIGHT}, timeout_s=40)
    assert len(world.arrivals(phones)) == IN_FLIGHT
