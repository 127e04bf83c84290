"""Nobody reads the SMS: phones ring, somebody answers, or nobody does."""

from collections.abc import Callable

from deploy.local.processes import wait_until
from tests.world import Contact, Person, World

DUE = "UPDATE alerts_escalationstep SET due_at = now() WHERE state = 'pending' AND round = %s AND kind <> 'give_up'"
EXHAUST = "UPDATE alerts_escalationstep SET due_at = now() WHERE state = 'pending'"


def press(world: World, *names: str) -> tuple[Person, str]:
    ana = world.new_person("Ana")
    ana.add_contacts(*names)
    return ana, str(ana.press_sos().json()["id"])


def texts(world: World, contact: Contact | Person) -> list[str]:
    return [sms["body"] for sms in reversed(world.sandbox.messages(contact.phone))]


def has(world: World, contact: Contact | Person, part: str) -> Callable[[], bool]:
    return lambda: any(part in text for text in texts(world, contact))


def test_a_refused_sms_becomes_a_call_that_is_answered_by_a_digit(world: World) -> None:
    ana = world.new_person("Ana")
    aida, bek = ana.add_contacts("Aida", "Bek")
    world.sandbox.behave(to=aida.phone, error_code=21610)
    world.sandbox.behave(channel="voice", to=aida.phone, digits="1")

    alert = str(ana.press_sos().json()["id"])

    assert wait_until(lambda: ana.alert(alert)["status"] == "acknowledged", timeout_s=10), world.logs()
    assert wait_until(has(world, bek, "Aida is on the way to Ana."), timeout_s=10)
    assert wait_until(has(world, ana, "Aida is on the way to you."), timeout_s=10)
    [told_aida, _] = ana.alert(alert)["contacts"]
    assert (told_aida["reason"], told_aida["answer"]) == ("refuses_sms", "acknowledged")
    assert len(world.sandbox.calls(aida.phone)) == 1
    assert world.sandbox.calls(bek.phone) == []

    assert ana.post(f"sos-alerts/{alert}/resolve/").status_code == 200

    assert wait_until(has(world, bek, "is safe"), timeout_s=10)
    assert world.rows(
        "SELECT count(*) FROM alerts_escalationstep WHERE alert_id = %s AND state = 'pending'", alert
    ) == [(0,)]


def test_nobody_answers(world: World) -> None:
    ana, alert = press(world, "Aida", "Bek")
    aida, bek = ana.contacts
    for contact in (aida, bek):
        world.sandbox.behave(channel="voice", to=contact.phone, final="no-answer")
        world.sandbox.wait_for(contact.phone, 1, 10)

    world.execute(DUE, 0)

    assert wait_until(lambda: all(world.sandbox.calls(c.phone) for c in (aida, bek)), timeout_s=10), world.logs()

    world.execute(EXHAUST)

    assert wait_until(lambda: ana.alert(alert)["status"] == "exhausted", timeout_s=10)
    assert wait_until(has(world, ana, "Call 112"), timeout_s=10)
    assert world.rows("SELECT times FROM messaging_operatoralarm WHERE code = 'alert_exhausted'") == [(1,)]
    assert ana.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    assert wait_until(has(world, bek, "is safe"), timeout_s=10)
