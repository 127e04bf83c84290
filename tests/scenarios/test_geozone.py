"""Geozones over real processes: somebody leaves work, and a phone gets one SMS."""

import time

from tests.scenarios.geozones import be_at_work, events, leave
from tests.world import World


def test_leaving_work_sends_one_sms_within_two_seconds(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    zone_id = be_at_work(world, aida)

    began = time.time()
    leave(aida)

    [sms] = world.wait_for_arrivals([bek.phone], timeout_s=5)
    # For 1.5 s the text waits for others to the same phone.
    assert sms.at - began < 2.0
    assert "Aida" in sms.body
    assert "Work" in sms.body
    time.sleep(1)
    assert len(world.arrivals([bek.phone])) == 1
    assert [(event["direction"], event["told"]) for event in events(aida, zone_id)] == [("exit", "told")]
