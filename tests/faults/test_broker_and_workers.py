"""Promise 3: a dead broker or dead workers do not delay what must not wait."""

import time
from contextlib import ExitStack

import pytest

from deploy.local.processes import wait_until
from tests.faults import faults
from tests.faults.faults import OUTAGES
from tests.world import Person, World
from tests.world.installation import WORKERS
from tests.world.people import fresh_number

ACCEPTED_WITHIN_S = 1.0
LEAVES_WITHIN_S = 5.0
# One second until a step is looked for, two for the worker that was asked, and the rescues of SMS and call.
CALLED_WITHIN_S = 10.0
OTHERS = OUTAGES.keys() - {"workers killed", "broker paused"}


def _press_and_count(world: World, aida: Person, phones: list[str]) -> None:
    """Press and assert the two promises by the clock of the person: accepted within 1 s, out within 5 s."""
    pressed = time.time()
    answer = aida.press_sos()
    accepted_s = time.time() - pressed
    assert answer.status_code == 201, answer.text
    arrivals = world.wait_for_arrivals(phones, timeout_s=20)
    last_s = max(a.at for a in arrivals) - pressed
    assert accepted_s < ACCEPTED_WITHIN_S
    assert last_s < LEAVES_WITHIN_S


@pytest.mark.parametrize("fault", OUTAGES)
def test_sos_and_registration_go_through(world: World, fault: str) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar", "Elnura", "Farida")]
    bek = Person(world, fresh_number(), "Bek")

    with OUTAGES[fault](world):
        _press_and_count(world, aida, phones)
        asked = time.time()
        assert bek.register().ok
        assert time.time() - asked < ACCEPTED_WITHIN_S
        [code] = world.wait_for_arrivals([bek.phone], timeout_s=20)
        assert code.at - asked < LEAVES_WITHIN_S
        bek.verify()

    # Hints that the fault held back arrive now and find their work done.
    world.wait_until_ready()
    world.wait_for_states(phones, {"delivered": 5})
    time.sleep(1)
    assert len(world.arrivals([*phones, bek.phone])) == 6


@pytest.mark.parametrize(
    "fault",
    ["workers killed", "broker paused", *(pytest.param(name, marks=pytest.mark.matrix) for name in sorted(OTHERS))],
)
def test_a_contact_who_refuses_sms_is_called_during_the_fault_too(world: World, fault: str) -> None:
    """Workers take escalation steps, and the scheduler takes them when no worker does."""
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(to=bek.phone, error_code=21610)
    world.sandbox.behave(channel="voice", to=bek.phone, digits="1")

    with OUTAGES[fault](world):
        pressed = time.time()
        alert = aida.press_sos().json()["id"]
        [called] = world.wait_for_arrivals([bek.phone], timeout_s=20)
        assert called.sid.startswith("CA")
        assert called.at - pressed < CALLED_WITHIN_S
        assert wait_until(lambda: aida.alert(alert)["status"] == "acknowledged", timeout_s=10)

    world.wait_until_ready()
    time.sleep(1)
    assert len(world.sandbox.calls(bek.phone)) == 1


def test_broker_freezes_after_it_confirmed(world: World) -> None:
    """The broker confirmed the hints, so nobody publishes them again, and no worker ever sees them."""
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon")]

    with ExitStack() as lasting:
        lasting.enter_context(world.frozen(*WORKERS))
        published = world.rabbitmq.published_total()
        pressed = time.time()
        assert aida.press_sos().status_code == 201
        assert wait_until(lambda: world.rabbitmq.published_total() > published, timeout_s=5)
        lasting.enter_context(faults.broker_paused(world))
        arrivals = world.wait_for_arrivals(phones, timeout_s=20)
        assert max(a.at for a in arrivals) - pressed < LEAVES_WITHIN_S

    world.wait_until_ready()
    world.wait_for_states(phones, {"delivered": 2})
    time.sleep(1)
    assert len(world.arrivals(phones)) == 2
    assert world.deliverers(phones)["scheduler"] == 2


@pytest.mark.matrix
def test_after_a_fault_workers_deliver_again(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    with faults.broker_stopped(world):
        pass
    world.wait_until_ready()

    aida.press_sos()

    world.wait_for_states([bek.phone], {"delivered": 1})
    assert world.deliverers([bek.phone]) == {"worker": 1}


def test_without_any_notice_the_poll_finds_the_rows(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar", "Elnura", "Farida")]
    # In every new connection PostgreSQL finds this pg_notify before its own, so every notice is dropped.
    name = world.database_url.rpartition("/")[2]
    world.execute("CREATE SCHEMA IF NOT EXISTS deaf")
    world.execute("CREATE OR REPLACE FUNCTION deaf.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''")
    world.execute(f'ALTER DATABASE "{name}" SET search_path = deaf, pg_catalog, public')
    try:
        with world.without("web"):
            pass
        world.wait_until_ready()
        pressed = time.time()
        assert aida.press_sos().status_code == 201
        arrivals = world.wait_for_arrivals(phones, timeout_s=10)
        assert max(a.at for a in arrivals) - pressed < 2
    finally:
        world.execute(f'ALTER DATABASE "{name}" RESET search_path')
        with world.without("web"):
            pass
