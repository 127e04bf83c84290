"""Positions while RabbitMQ is away: every fix is accepted, and every fix is evaluated once."""

import time

import pytest

from deploy.local.processes import wait_until
from tests.faults import faults
from tests.scenarios.geozones import be_at_work, events, leave
from tests.world import World

pytestmark = pytest.mark.matrix


def test_positions_are_evaluated_once_without_a_broker(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    zone_id = be_at_work(world, aida)

    with faults.broker_killed(world):
        leave(aida)
        assert wait_until(lambda: len(events(aida, zone_id)) == 1, timeout_s=10), world.logs()
        world.wait_for_arrivals([bek.phone], timeout_s=20)

    time.sleep(2)  # The broker delivers the hints that it still had.
    assert len(events(aida, zone_id)) == 1
    assert len(world.arrivals([bek.phone])) == 1
