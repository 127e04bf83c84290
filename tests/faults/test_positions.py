"""Positions while RabbitMQ is away: nothing is refused, and everything is evaluated, once."""

import time

import pytest

from deploy.local.processes import wait_until
from tests.faults import faults
from tests.scenarios.test_geozone import at_work_for_a_while, events, leave
from tests.world import World

pytestmark = pytest.mark.matrix


def test_without_a_broker_everything_is_evaluated_once(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    zone_id = at_work_for_a_while(world, aida)

    with faults.broker_killed(world):
        leave(aida)
        assert wait_until(lambda: len(events(aida, zone_id)) == 1, timeout_s=10), world.logs()
        world.wait_for_arrivals([bek.phone], timeout_s=20)

    time.sleep(2)  # What the broker still had is delivered now.
    assert len(events(aida, zone_id)) == 1
    assert len(world.arrivals([bek.phone])) == 1
