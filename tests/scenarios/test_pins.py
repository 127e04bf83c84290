"""Ending with a PIN over real processes: a false alarm, and an end that was forced."""

import re
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from deploy.local.processes import wait_until
from tests.world import World
from tests.world.people import PASSWORD, Person

SAFE, DURESS = "1357", "24680"


def _with_pins(world: World, name: str) -> Person:
    person = world.new_person(name)
    pins = {"password": PASSWORD, "safe_pin": SAFE, "duress_pin": DURESS}
    assert person.session.put(f"{world.url}/api/v1/me/pin/", json=pins, timeout=20).status_code == 200
    return person


def test_a_false_alarm_is_called_off_with_the_pin(world: World) -> None:
    aida = _with_pins(world, "Aida")
    phones = [contact.phone for contact in aida.add_contacts("Bek", "Cholpon")]
    alert = aida.press_sos().json()["id"]
    world.wait_for_arrivals(phones, timeout_s=5)

    refused = [aida.post(f"sos-alerts/{alert}/cancel/", body) for body in ({}, {"pin": "0000"})]
    assert [answer.json()["code"] for answer in refused] == ["pin_required", "pin_wrong"]
    assert aida.alert(alert)["status"] == "active"
    assert aida.post(f"sos-alerts/{alert}/cancel/", {"pin": SAFE}).json()["status"] == "cancelled"

    assert wait_until(lambda: len(world.arrivals(phones)) == 4, timeout_s=20), world.logs()
    assert all("False alarm" in world.arrivals([phone])[-1].body for phone in phones)
    assert aida.get("sos-alerts/false-alarms/").json() == {"false_alarms": 1}


def test_under_duress_the_alert_goes_on_and_looks_cancelled(world: World) -> None:
    twins = [_with_pins(world, "Aida") for _ in (SAFE, DURESS)]
    phones = [[contact.phone for contact in twin.add_contacts("Bek", "Cholpon")] for twin in twins]
    alerts = [twin.press_sos().json()["id"] for twin in twins]
    for of_one in phones:
        world.wait_for_states(of_one, {"delivered": 2})

    ends = [
        twin.post(f"sos-alerts/{alert}/cancel/", {"pin": pin})
        for twin, alert, pin in zip(twins, alerts, (SAFE, DURESS), strict=True)
    ]
    assert ends[0].status_code == ends[1].status_code == 200
    assert _masked(ends[0].json()) == _masked(ends[1].json())

    assert wait_until(lambda: all(len(world.arrivals(of_one)) == 4 for of_one in phones), timeout_s=20), world.logs()
    assert all("False alarm" in world.arrivals([phone])[-1].body for phone in phones[0])
    assert all("under threat! Do not call them" in world.arrivals([phone])[-1].body for phone in phones[1])
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    walked = [path for path, methods in paths.items() if "get" in methods and "{" not in path.replace("{alert_id}", "")]
    for path in (path.removeprefix("/api/v1/") for path in walked if path.startswith("/api/v1/")):
        safe, duress = (twin.get(path.replace("{alert_id}", alert)) for twin, alert in zip(twins, alerts, strict=True))
        assert safe.status_code == duress.status_code, path
        assert _masked(safe.text) == _masked(duress.text), path
    again = [twin.press_sos() for twin in twins]
    assert [answer.status_code for answer in again] == [201, 201]
    assert _masked(again[0].json()) == _masked(again[1].json())


def _masked(answer: Any) -> str:
    text = str(answer)
    for pattern in (
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"[0-9a-f]{64}",
        r"\d{4}-\d\d-\d\dT[\d:.]+Z",
        r"\+996\d{9}",
    ):
        text = re.sub(pattern, "*", text)
    return text
