"""A drill over real processes, with its report. A real press ends it, and it is no false alarm."""

from deploy.local.processes import wait_until
from tests.scenarios.story import LINK, Story, safe, sos, timeline
from tests.world import Person

TEST = f"TEST, nobody needs help: Aida Asanova tries out AlertMe. {LINK}"


def report(person: Person, alert: str) -> dict[str, dict[str, object]]:
    body = person.get(f"sos-alerts/{alert}/drill-report/").json()
    return {contact["name"]: contact for contact in body["contacts"]}


def test_a_drill_reports_and_a_real_press_wins(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon")
    bek, cholpon = aida.contacts
    story.world.sandbox.behave(to=cholpon.phone, error_code=21610)
    drill = aida.press_sos(drill=True).json()["id"]

    story.expect(Bek=[TEST])
    assert "Nobody needs help" in story.page(bek).press("acknowledged")
    told = report(aida, drill)
    assert {name: (of["status"], of["reason"], of["answer"]) for name, of in told.items()} == {
        "Bek": ("delivered", None, "acknowledged"),
        "Cholpon": ("failed", "refuses_sms", None),
    }
    assert 0 < told["Bek"]["accepted_after_s"] <= told["Bek"]["delivered_after_s"] < 15  # type: ignore[operator]

    real = aida.press_sos()

    assert (real.status_code, real.json()["is_drill"]) == (201, False)
    # Cholpon refuses SMS, so a real alert calls Cholpon.
    story.wait_for(Bek=[TEST, sos(aida)])
    assert aida.alert(drill)["status"] == "cancelled"
    assert timeline(aida, drill) == ["raised", "acknowledged", "gave_way"]
    assert aida.get("sos-alerts/false-alarms/").json() == {"false_alarms": 0}
    assert wait_until(lambda: len(story.told()["Cholpon"]) == 1, timeout_s=10)
    assert aida.post(f"sos-alerts/{real.json()['id']}/resolve/").status_code == 200
    story.wait_for(Bek=[TEST, sos(aida), safe(aida)])


def test_a_drill_that_is_cancelled_is_no_false_alarm(story: Story) -> None:
    aida = story.person("Aida", "Bek")
    drill = aida.press_sos(drill=True).json()["id"]
    story.expect(Bek=[TEST])
    assert aida.post(f"sos-alerts/{drill}/cancel/").json()["status"] == "cancelled"
    story.expect(Bek=[TEST, f"The TEST of Aida Asanova ({aida.phone}) is over. There is nothing to do."])
    assert aida.get("sos-alerts/false-alarms/").json() == {"false_alarms": 0}
