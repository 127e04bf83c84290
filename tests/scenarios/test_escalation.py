"""From the press to the last all-clear: a contact answers on the page or by a key, or nobody answers."""

import requests

from deploy.local.processes import wait_until
from tests.scenarios.story import Story, answers, call, false_alarm, responder, safe, sos, timeline


def test_an_alert_that_a_contact_answers_on_the_page(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon")
    bek, cholpon = aida.contacts
    alert = aida.press_sos(address="Chüy 114").json()["id"]
    story.expect(Bek=[sos(aida)], Cholpon=[sos(aida)])

    # Neither a preview of the link nor a scanner that opens it gives an answer.
    assert requests.head(story.page(bek).url, timeout=20).status_code == 200
    seen = story.page(bek).text()
    for words in ("Aida Asanova needs help", "Chüy 114", "42.87460, 74.56980", "Nobody is on the way yet", aida.phone):
        assert words in seen
    assert aida.alert(alert)["status"] == "active"

    assert "You said: I am on my way." in story.page(bek).press("acknowledged")

    assert aida.alert(alert)["status"] == "acknowledged"
    assert answers(aida, alert) == {
        "Bek": ("delivered", None, "acknowledged"),
        "Cholpon": ("delivered", None, None),
    }
    assert "On the way: Bek" in story.page(cholpon).text()
    coming = {"Cholpon": [sos(aida), responder("Bek", aida)], "Aida": ["Bek is on the way to you."]}
    story.expect(Bek=[sos(aida)], **coming)

    assert aida.post(f"sos-alerts/{alert}/resolve/").json()["status"] == "resolved"

    story.expect(Bek=[sos(aida), safe(aida)], Cholpon=[*coming["Cholpon"], safe(aida)], Aida=coming["Aida"])
    assert "Aida Asanova is safe" in story.page(cholpon).press("acknowledged")
    assert timeline(aida, alert) == ["raised", "acknowledged", "resolved"]


def test_a_refused_sms_becomes_a_call_that_is_answered_by_a_digit(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon")
    bek, _ = aida.contacts
    story.world.sandbox.behave(to=bek.phone, error_code=21610)
    story.world.sandbox.behave(channel="voice", to=bek.phone, digits="1")

    # Nothing looks for due steps, so a notice has Bek called.
    with story.world.hold_periodic("escalate"):
        alert = aida.press_sos().json()["id"]
        told = {"Bek": [call(aida)], "Cholpon": [sos(aida), responder("Bek", aida)]}
        story.expect(**told, Aida=["Bek is on the way to you."])

    assert aida.alert(alert)["status"] == "acknowledged"
    assert answers(aida, alert) == {
        "Bek": ("failed", "refuses_sms", "acknowledged"),
        "Cholpon": ("delivered", None, None),
    }
    assert aida.alert(alert)["reach"]["summary"].startswith("Bek is on the way; 1 of 2 delivered")
    assert aida.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    # Bek refuses SMS, so Bek gets no all-clear either: it would be refused.
    story.expect(Bek=told["Bek"], Cholpon=[*told["Cholpon"], safe(aida)], Aida=["Bek is on the way to you."])
    assert timeline(aida, alert) == ["raised", "step_taken call", "acknowledged", "resolved"]


def test_nobody_answers(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon")
    alarmed_before = story.world.times_alarmed("alert_exhausted")
    alert = aida.press_sos().json()["id"]
    story.expect(Bek=[sos(aida)], Cholpon=[sos(aida)])

    story.world.pass_time(minutes=1)
    # Voicemails answer the calls: nobody presses a key.
    tried = [sos(aida), call(aida)]
    story.expect(Bek=tried, Cholpon=tried)
    assert aida.alert(alert)["status"] == "active"

    # The second round: an SMS and a call, in any order.
    story.world.pass_time(seconds=165)
    both = sorted([*tried, sos(aida), call(aida)])
    assert wait_until(lambda: sorted(story.told()["Cholpon"]) == both == sorted(story.told()["Bek"]), timeout_s=10)
    assert aida.alert(alert)["status"] == "active"

    story.world.pass_time(seconds=165)
    story.wait_for(Aida=["None of your contacts has answered yet. Call 112."])
    assert aida.alert(alert)["status"] == "exhausted"
    assert story.world.times_alarmed("alert_exhausted") == alarmed_before + 1
    assert {len(contact["tries"]) for contact in aida.alert(alert)["contacts"]} == {4}

    assert aida.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    assert wait_until(lambda: story.told()["Bek"][-1] == story.told()["Cholpon"][-1] == safe(aida), timeout_s=10)
    told = story.told()
    assert [len(told[name]) for name in ("Bek", "Cholpon", "Aida")] == [5, 5, 1]
    steps = ["step_taken call", "step_taken sms", "step_taken call", "exhausted", "resolved"]
    assert timeline(aida, alert) == ["raised", *steps]
    assert not story.world.is_escalating(alert)


def test_a_cancel_meets_the_first_sms_on_its_way(story: Story) -> None:
    """Bek's SMS is at the provider, which has not answered yet. Cholpon's SMS waits for its slot."""
    aida = story.person("Aida", "Bek", "Cholpon")
    bek, _ = aida.contacts
    story.world.sandbox.behave(to=bek.phone, latency_ms=2_000, times=1)
    story.world.pace(0.2)
    alert = aida.press_sos().json()["id"]
    assert wait_until(lambda: story.world.states([bek.phone]) == {"sending": 1}, timeout_s=5, every_s=0.02)

    assert aida.post(f"sos-alerts/{alert}/cancel/").json()["status"] == "cancelled"

    story.world.pace(100)
    story.expect(Bek=[sos(aida), false_alarm(aida)])
    assert answers(aida, alert) == {
        "Bek": ("delivered", None, None),
        "Cholpon": ("cancelled", "alert_ended", None),
    }
    assert timeline(aida, alert) == ["raised", "cancelled"]
