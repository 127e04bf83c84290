"""From sign-up to the SMS on every contact's phone, over real processes and through the public API."""

from deploy.local.processes import wait_until
from tests.world import World

NAMES = ("Bek", "Cholpon", "Daniyar", "Elnura", "Farida")


def test_sos_reaches_every_contact(world: World) -> None:
    aida, bek = world.new_person("Aida"), world.new_person("Bek")
    assert bek.get("me/").json()["first_name"] == "Bek"
    contacts = aida.add_contacts(*NAMES)
    phones = [c.phone for c in contacts]
    published = world.rabbitmq.published_total()

    answer = aida.press_sos(address="Chüy 114")

    assert answer.status_code == 201, answer.text
    arrivals = world.wait_for_arrivals(phones, timeout_s=5)
    world.wait_for_states(phones, {"delivered": 5})
    alert = aida.alert(answer.json()["id"])
    assert alert["status"] == "active"
    assert {c["status"] for c in alert["contacts"]} == {"delivered"}
    assert alert["reach"]["delivered"] == 5
    assert all(a.segments == 1 and "Aida" in a.body and "SOS" in a.body and aida.phone in a.body for a in arrivals)
    assert len(arrivals) == 5
    assert world.deliverers(phones) == {"worker": 5}
    assert world.rabbitmq.published_total() > published


def test_resolving_tells_everyone_who_was_told(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon")]
    alert = aida.press_sos().json()
    world.wait_for_arrivals(phones, timeout_s=5)

    assert aida.post(f"sos-alerts/{alert['id']}/resolve/", {}).json()["status"] == "resolved"

    assert wait_until(lambda: len(world.arrivals(phones)) == 4, timeout_s=20), world.logs()
    for phone in phones:
        first, second = world.arrivals([phone])
        assert "SOS" in first.body
        assert "SOS" not in second.body
        assert "Aida" in second.body


def test_pressing_twice_tells_nobody_twice(world: World) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon")]

    first, second = aida.press_sos(), aida.press_sos(latitude=42.9, longitude=74.6)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["latitude"] == 42.9
    world.wait_for_states(phones, {"delivered": 2})
    assert len(world.arrivals(phones)) == 2


def test_a_refused_number_is_told_to_the_person(world: World) -> None:
    aida = world.new_person("Aida")
    bek, cholpon = aida.add_contacts("Bek", "Cholpon")
    world.sandbox.behave(to=bek.phone, error_code=21610)

    alert = aida.press_sos().json()

    world.wait_for_states([bek.phone, cholpon.phone], {"failed": 1, "delivered": 1})
    shown = {c["name"]: c for c in aida.alert(alert["id"])["contacts"]}
    assert shown["Cholpon"]["status"] == "delivered"
    assert shown["Bek"]["status"] == "failed"
    assert "Bek" in shown["Bek"]["detail"]


def test_the_texts_and_people_never_enter_logs(world: World) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    aida.press_sos()
    world.wait_for_states([bek.phone], {"delivered": 1})

    logs = "\n".join(p.log.read_text(errors="replace") for p in world.processes.values() if p.name != "sandbox")

    for secret in (aida.phone, bek.phone, aida.phone[1:], "42.8746", "Asanova"):
        assert secret not in logs
