"""A timer whose phone falls silent, over real processes: workers fire it, and without them a scheduler does."""

from deploy.local.processes import wait_until
from tests.world import World
from tests.world.people import Person

SILENT = (
    "UPDATE alerts_activitytimer SET ends_at = now() - interval '60 s', due_at = now(), nudge_at = NULL WHERE id = %s"
)
LATE = "SELECT extract(epoch FROM ended_at - due_at) FROM alerts_activitytimer WHERE id = %s AND status = 'fired'"


def test_a_phone_that_falls_silent_raises_one_alert(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [contact.phone for contact in aida.add_contacts("Bek", "Cholpon")]
    _falls_silent(world, aida, phones)

    aida = world.new_person("Aida")
    phones = [contact.phone for contact in aida.add_contacts("Bek")]
    with world.without("worker-emergency", "scheduler-1"):
        _falls_silent(world, aida, phones)


def _falls_silent(world: World, person: Person, phones: list[str]) -> None:
    timer = person.post("timers/", {"duration_s": 600, "grace_s": 60}).json()["id"]
    here = {"battery": 3, "latitude": 42.65, "longitude": 74.48}
    assert person.post(f"timers/{timer}/heartbeat/", here).status_code == 201

    world.execute(SILENT, timer)

    arrivals = world.wait_for_arrivals(phones, timeout_s=8)
    assert len(arrivals) == len(phones)
    assert all("missed a check-in" in arrival.body for arrival in arrivals)
    assert wait_until(lambda: bool(world.rows(LATE, timer)), timeout_s=1)
    assert world.rows(LATE, timer)[0][0] < 1.5
    late = person.post(f"timers/{timer}/complete/", {})
    assert (late.status_code, late.json()["code"]) == (409, "timer_fired")
    assert person.alert(late.json()["alert_id"])["latitude"] == 42.65
