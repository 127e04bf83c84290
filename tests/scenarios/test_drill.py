"""A drill over real processes, then a real SOS of a phone that loses the network and posts its way late and twice."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from deploy.local.processes import wait_until
from tests.world import World


def test_a_drill_reports_and_a_real_press_wins(world: World) -> None:
    aida = world.new_person("Aida")
    bek, cholpon = aida.add_contacts("Bek", "Cholpon")
    world.sandbox.behave(to=cholpon.phone, error_code=21610)
    drill = aida.press_sos(drill=True).json()
    report_of = f"sos-alerts/{drill['id']}/drill-report/"

    def statuses() -> list[str]:
        return sorted(contact["status"] for contact in aida.get(report_of).json()["contacts"])

    assert wait_until(lambda: statuses() == ["delivered", "failed"], timeout_s=15), world.logs()
    arrived, refused = aida.get(report_of).json()["contacts"]
    assert 0 < arrived["accepted_after_s"] <= arrived["delivered_after_s"] < 15
    assert (refused["name"], refused["reason"]) == ("Cholpon", "refuses_sms")
    [test] = world.arrivals([bek.phone])
    assert test.body.startswith("TEST")

    real = aida.press_sos()

    assert (real.status_code, real.json()["is_drill"]) == (201, False)
    assert wait_until(lambda: len(world.arrivals([bek.phone])) == 2, timeout_s=15), world.logs()
    assert world.arrivals([bek.phone])[1].body.startswith("SOS!")
    assert aida.alert(drill["id"])["status"] == "cancelled"


def test_a_phone_without_network_posts_its_way_late_and_twice(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    alert = aida.press_sos().json()
    world.wait_for_arrivals([bek.phone], timeout_s=5)
    pressed = datetime.fromisoformat(alert["created_at"])
    since = datetime.now(UTC) - pressed

    def fix(part: float, latitude: float) -> dict[str, Any]:
        """Recorded when this part of the time since the press had passed."""
        moment = (pressed + since * part).isoformat()
        return {"id": str(uuid4()), "latitude": latitude, "longitude": 74.6, "recorded_at": moment, "battery": 30}

    now, way = fix(1, 42.95), [fix(n / 200, 42.9 + n / 10_000) for n in range(1, 101)]
    path = f"sos-alerts/{alert['id']}/locations/"
    assert aida.post(path, now).json()["stored"] == 1
    batch = {"locations": way[::-1], "sent_at": datetime.now(UTC).isoformat()}
    answers = [aida.post(path, batch).json() for _ in range(2)]

    assert [answer["stored"] for answer in answers] == [100, 0]
    assert [answer["repeated"] for answer in answers] == [0, 100]
    assert aida.alert(alert["id"])["latitude"] == 42.95
    aida.post(f"sos-alerts/{alert['id']}/resolve/", {})
    late = fix(0.9, 42.93)
    assert aida.post(path, late).json()["stored"] == 1
    assert aida.alert(alert["id"])["latitude"] == 42.95
