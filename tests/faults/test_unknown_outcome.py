"""Promise 6: the reply is lost, by us or by the network. One SMS arrives, and the final state is right."""

from deploy.local.processes import wait_until
from tests.world import World
from tests.world.installation import WORKERS


def _end_leases(world: World, phone: str) -> None:
    """Let fifteen seconds pass, after which the lease of a claim has ended."""
    world.execute(
        "UPDATE messaging_message SET due_at = now() WHERE address = %s AND state IN ('sending', 'unknown')", phone
    )
    world.execute(
        "UPDATE messaging_attempt a SET deadline_at = now() - interval '6 s', started_at = started_at - interval '4 s'"
        " FROM messaging_message m WHERE m.id = a.message_id AND m.address = %s",
        phone,
    )


def test_worker_killed_before_recording_is_settled_by_callback(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(to=bek.phone, latency_ms=3_000, callback_delay_ms=1_000)
    assert aida.press_sos().status_code == 201
    world.wait_for_arrivals([bek.phone], timeout_s=10)
    for name in WORKERS:
        world.processes[name].kill()
    assert world.states([bek.phone]) == {"sending": 1}

    world.wait_for_states([bek.phone], {"delivered": 1})

    assert len(world.arrivals([bek.phone])) == 1


def test_worker_killed_and_callbacks_lost_is_settled_by_look_up(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(to=bek.phone, latency_ms=3_000, callbacks=False)
    assert aida.press_sos().status_code == 201
    world.wait_for_arrivals([bek.phone], timeout_s=10)
    for name in WORKERS:
        world.processes[name].kill()
    assert world.states([bek.phone]) == {"sending": 1}
    _end_leases(world, bek.phone)

    assert wait_until(lambda: set(world.states([bek.phone])) <= {"accepted", "sent", "delivered"}, timeout_s=10)

    assert len(world.arrivals([bek.phone])) == 1


def test_worker_killed_before_the_provider_had_it_sends_again(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(to=bek.phone, hang=True, created=False, times=1)
    assert aida.press_sos().status_code == 201
    assert wait_until(lambda: world.states([bek.phone]) == {"sending": 1}, timeout_s=10)
    for name in WORKERS:
        world.processes[name].kill()
    _end_leases(world, bek.phone)

    world.wait_for_states([bek.phone], {"delivered": 1})

    assert len(world.arrivals([bek.phone])) == 1


def test_lost_reply(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    world.sandbox.behave(lose_reply=True)

    assert aida.press_sos().status_code == 201

    world.wait_for_states(phones, {"delivered": 3})
    assert len(world.arrivals(phones)) == 3


def test_lost_reply_and_lost_callbacks(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(to=bek.phone, lose_reply=True, callbacks=False)

    assert aida.press_sos().status_code == 201

    assert wait_until(lambda: set(world.states([bek.phone])) <= {"accepted", "sent"}, timeout_s=10)

    def delivered_after_two_minutes() -> bool:
        """Let two minutes pass and look. The watch may look before the phone has the SMS, and then looks again."""
        world.execute("UPDATE messaging_message SET due_at = now() WHERE address = %s", bek.phone)
        return world.states([bek.phone]) == {"delivered": 1}

    assert wait_until(delivered_after_two_minutes, timeout_s=20, every_s=0.5), world.logs()
    assert len(world.arrivals([bek.phone])) == 1


def test_server_errors_that_created_nothing_are_sent_again(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(to=bek.phone, status=503, times=1)

    assert aida.press_sos().status_code == 201

    # A look-up five seconds after the error proves that nothing was created.
    world.wait_for_states([bek.phone], {"delivered": 1}, timeout_s=20)
    assert len(world.arrivals([bek.phone])) == 1


def test_too_many_requests_are_repeated_and_nothing_is_lost(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    world.sandbox.behave(status=429, retry_after_s=1, times=2)

    assert aida.press_sos().status_code == 201

    world.wait_for_states(phones, {"delivered": 3})
    assert len(world.arrivals(phones)) == 3
