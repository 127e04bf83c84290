"""Ending with a PIN over real processes: a false alarm, and an end under duress."""

from tests.scenarios.story import Story, answers, call, false_alarm, responder, sos, timeline
from tests.scenarios.twins import DURESS_PIN, SAFE_PIN, Twins, set_pins


def test_a_false_alarm_is_called_off_with_the_pin(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon")
    set_pins(aida)
    alert = aida.press_sos().json()["id"]
    story.expect(Bek=[sos(aida)], Cholpon=[sos(aida)])

    refused = [aida.post(f"sos-alerts/{alert}/cancel/", body) for body in ({}, {"pin": "0000"})]
    assert [answer.json()["code"] for answer in refused] == ["pin_required", "pin_wrong"]
    assert aida.alert(alert)["status"] == "active"
    assert aida.post(f"sos-alerts/{alert}/cancel/", {"pin": SAFE_PIN}).json()["status"] == "cancelled"

    story.expect(Bek=[sos(aida), false_alarm(aida)], Cholpon=[sos(aida), false_alarm(aida)])
    assert answers(aida, alert) == dict.fromkeys(("Bek", "Cholpon"), ("delivered", None, None))
    assert timeline(aida, alert) == ["raised", "pin_wrong", "cancelled"]
    assert aida.get("sos-alerts/false-alarms/").json() == {"false_alarms": 1}
    assert "False alarm: Aida Asanova cancelled the alert" in story.page(aida.contacts[0]).text()


def test_under_duress_the_alert_goes_on_and_every_response_shows_a_cancelled_one(story: Story) -> None:
    twins = Twins(story, "Bek", "Cholpon")
    told = _end_in_both_ways(story, twins)
    told |= _be_answered(story, twins, told)
    _ask_and_send_on(story, twins)

    # A new SOS is a new alert, to everyone.
    before = dict(twins.alerts)
    assert twins.press() == 201
    of = {name: twins.safe if name.startswith("safe") else twins.duress for name in told}
    again = {name: [*texts, sos(of[name])] for name, texts in told.items()}
    story.expect(**again)
    twins.everything()
    assert twins.end(pins=(SAFE_PIN, SAFE_PIN)) == 200
    story.expect(**{name: [*texts, false_alarm(of[name])] for name, texts in again.items()})
    counted = twins.get("sos-alerts/false-alarms/")
    assert [answer.json() for answer in counted] == [{"false_alarms": 2}] * 2

    # The safe PIN ends the alert that went on.
    twins.alerts = before
    assert twins.end(pins=(DURESS_PIN, SAFE_PIN)) == 403
    story.world.pass_the_hour_of_a_pin()
    assert twins.end(pins=(SAFE_PIN, SAFE_PIN)) == 200
    over = {name: [*again[name], *[false_alarm(twins.duress)] * 2] for name in ("Bek", "Cholpon")}
    over |= {name: [*texts, false_alarm(twins.safe)] for name, texts in again.items() if name.startswith("safe")}
    story.expect(**over)
    twins.everything()


def _end_in_both_ways(story: Story, twins: Twins) -> dict[str, list[str]]:
    """Press, send a recording and a position, and end with either PIN; returns the texts on every phone."""
    assert twins.press() == 201
    people = (("safe ", twins.safe), ("", twins.duress))
    story.expect(**{f"{label}{name}": [sos(of)] for label, of in people for name in ("Bek", "Cholpon")})
    assert twins.record("audio/wav") == 201
    assert twins.post("locations/", {"latitude": 42.88, "longitude": 74.58})[0].json()["stored"] == 1

    assert twins.end() == 200

    warned = [sos(twins.duress), "Aida Asanova is under threat! Do not call them. Call the police: 112 LINK"]
    told = {f"safe {name}": [sos(twins.safe), false_alarm(twins.safe)] for name in ("Bek", "Cholpon")}
    told |= {"Bek": warned, "Cholpon": warned}
    story.expect(**told)
    return told


def _be_answered(story: Story, twins: Twins, told: dict[str, list[str]]) -> dict[str, list[str]]:
    """Let a minute pass, in which both phones ring, and let Bek answer on the page; returns the texts under duress."""
    bek, _ = twins.duress.contacts
    etags = twins.etags()
    twins.everything()
    story.world.pass_time(minutes=1)
    called = {name: [*told[name], call(twins.duress)] for name in ("Bek", "Cholpon")}
    story.wait_for(Cholpon=called["Cholpon"])
    assert "Aida Asanova is under threat" in story.page(bek).press("acknowledged")
    called["Cholpon"].append(responder("Bek", twins.duress))
    story.expect(**told | called)
    assert twins.is_unchanged_since(etags)
    return called


def _ask_and_send_on(story: Story, twins: Twins) -> None:
    """Let the owner's devices send a position and a recording, and end again; the contacts see the position."""
    _, cholpon = twins.duress.contacts
    assert twins.post("locations/", {"latitude": 42.99, "longitude": 74.99})[0].status_code == 409
    assert twins.record("audio/ogg") == 201
    assert twins.recordings() == ["audio/wav", "audio/ogg"]
    assert twins.end("resolve") == 409
    assert twins.end() == 200
    twins.everything()
    assert "42.99000" in story.page(cholpon).text()
