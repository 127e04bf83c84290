"""Database connections are pooled and bounded: who waits for Twilio holds none."""

from contextlib import suppress

from deploy.local.processes import descendants, wait_until
from tests.world import World
from tests.world.sockets import owner_of_local_port

IN_FLIGHT = 200
# One for each of the pool's four threads, the recorder's, and one more for a thread between two messages.
MOST = 6


def _sessions(world: World, name: str) -> list[tuple[int, str]]:
    """(backend's process id, state) of one of the installation's processes, as PostgreSQL sees them."""
    family = {world.processes[name].pid, *descendants(world.processes[name].pid)}
    found = world.rows(
        "SELECT client_port, pid, state FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    sessions = []
    for port, backend, state in found:
        with suppress(LookupError):  # It ended while we looked.
            if owner_of_local_port(port) in family:
                sessions.append((backend, state))
    return sessions


def test_workers_hold_no_connection_while_they_wait_for_twilio(world: World) -> None:
    world.pace(0)
    world.sandbox.behave(latency_ms=3_000, callback_delay_ms=4_000)
    phones = world.queue_routine(IN_FLIGHT)
    assert wait_until(lambda: world.states(phones) == {"sending": IN_FLIGHT}, timeout_s=20)
    assert wait_until(lambda: len(world.arrivals(phones)) == IN_FLIGHT, timeout_s=20)

    sessions = _sessions(world, "worker-messages")
    # Nobody has them: taken away, they are not missed, and every outcome is recorded all the same.
    for backend, _ in sessions:
        world.rows("SELECT pg_terminate_backend(%s)", backend)

    assert world.states(phones) == {"sending": IN_FLIGHT}
    assert 1 <= len(sessions) <= MOST
    assert {state for _, state in sessions} == {"idle"}
    world.wait_for_states(phones, {"delivered": IN_FLIGHT}, timeout_s=40)
    assert len(world.arrivals(phones)) == IN_FLIGHT
