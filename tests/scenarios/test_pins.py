"""Ending with a PIN over real processes: a false alarm, and an end under duress."""

from tests.scenarios.story import FALSE_ALARM, Story, answers, call, sos, timeline
from tests.scenarios.twins import SAFE_PIN, Twins, set_pins


def test_a_false_alarm_is_called_off_with_the_pin(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon")
    set_pins(aida)
    alert = aida.press_sos().json()["id"]
    story.expect(Bek=[sos(aida)], Cholpon=[sos(aida)])

    refused = [aida.post(f"sos-alerts/{alert}/cancel/", body) for body in ({}, {"pin": "0000"})]
    assert [answer.json()["code"] for answer in refused] == ["pin_required", "pin_wrong"]
    assert aida.alert(alert)["status"] == "active"
    assert aida.post(f"sos-alerts/{alert}/cancel/", {"pin": SAFE_PIN}).json()["status"] == "cancelled"

    story.expect(Bek=[sos(aida), FALSE_ALARM], Cholpon=[sos(aida), FALSE_ALARM])
    assert answers(aida, alert) == dict.fromkeys(("Bek", "Cholpon"), ("delivered", None, None))
    assert timeline(aida, alert) == ["raised", "pin_wrong", "cancelled"]
    assert aida.get("sos-alerts/false-alarms/").json() == {"false_alarms": 1}
    assert "False alarm: Aida Asanova cancelled the alert" in story.page(aida.contacts[0]).text()


def test_under_duress_the_alert_goes_on_and_every_answer_is_that_of_a_cancelled_one(story: Story) -> None:
    twins = Twins(story, "Bek", "Cholpon")
    bek, cholpon = twins.duress.contacts
    assert twins.press() == 201
    first = {
        f"{label}{name}": [sos(of)]
        for label, of in (("safe ", twins.safe), ("", twins.duress))
        for name in ("Bek", "Cholpon")
    }
    story.expect(**first)
    assert twins.record("audio/wav") == 201
    assert twins.post("locations/", {"latitude": 42.88, "longitude": 74.58})[0].json()["stored"] == 1

    assert twins.end() == 200

    cancelled = {f"safe {name}": [sos(twins.safe), FALSE_ALARM] for name in ("Bek", "Cholpon")}
    warning = "Aida Asanova is under threat! Do not call them. Call the police: 112"
    warned = [sos(twins.duress), warning]
    story.expect(**cancelled, Bek=warned, Cholpon=warned)
    etags = twins.etags()
    twins.everything()

    # The alert goes on: after a minute both phones ring, and Bek answers on the page.
    story.world.pass_time(minutes=1)
    story.wait_for(Cholpon=[*warned, call(twins.duress)])
    assert "Aida Asanova is under threat" in story.page(bek).press("acknowledged")
    going = {
        "Bek": [*warned, call(twins.duress)],
        "Cholpon": [*warned, call(twins.duress), "Bek is on the way to Aida."],
    }
    story.expect(**cancelled, **going)
    assert twins.is_unchanged_since(etags)

    # The owner's devices go on asking and sending.
    assert twins.post("locations/", {"latitude": 42.99, "longitude": 74.99})[0].status_code == 409
    assert twins.record("audio/ogg") == 201
    assert twins.recordings() == ["audio/wav", "audio/ogg"]
    assert twins.end("resolve") == 409
    assert twins.end() == 200
    twins.everything()
    assert "42.99000" in story.page(cholpon).text()

    # A new SOS is a new alert, to everyone.
    before = dict(twins.alerts)
    assert twins.press() == 201
    again = {
        name: [*texts, sos(twins.safe if name.startswith("safe") else twins.duress)]
        for name, texts in (cancelled | going).items()
    }
    story.expect(**again)
    twins.everything()
    assert twins.end(pins=(SAFE_PIN, SAFE_PIN)) == 200
    story.expect(**{name: [*texts, FALSE_ALARM] for name, texts in again.items()})
    counted = twins.get("sos-alerts/false-alarms/")
    assert [answer.json() for answer in counted] == [{"false_alarms": 2}] * 2

    # The safe PIN ends the alert that went on.
    twins.alerts = before
    assert twins.end(pins=(SAFE_PIN, SAFE_PIN)) == 200
    over = {name: [*again[name], FALSE_ALARM, FALSE_ALARM] for name in ("Bek", "Cholpon")}
    over |= {name: [*texts, FALSE_ALARM] for name, texts in again.items() if name.startswith("safe")}
    story.expect(**over)
    twins.everything()
