"""A timer whose phone falls silent, over real processes: workers fire it, and without them a scheduler does."""

from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.local.processes import wait_until
from tests.scenarios.story import LINK, Story, answers, responder, safe, steps, timeline
from tests.world import Person

NUDGE = "Your timer ends in 5 min. Check in, or your contacts are told."


def missed(person: Person) -> str:
    return f"{person.first_name} Asanova missed a check-in: {LINK} Call {person.phone}"


def test_a_missed_check_in_tells_the_contacts(story: Story) -> None:
    """The phone is on and nobody looks at it: the nudge arrives, and no check-in comes back."""
    aida = story.person("Aida", "Bek", "Cholpon")
    bek, _ = aida.contacts
    timer = aida.post("timers/", {"duration_s": 1200, "grace_s": 60, "place": "Ala-Archa"}).json()["id"]

    story.world.pass_time(minutes=15)
    story.expect(Aida=[NUDGE])

    alert = _run_out(story, aida, timer)

    told = {"Aida": [NUDGE], "Bek": [missed(aida)], "Cholpon": [missed(aida)]}
    story.expect(**told)
    assert "Ala-Archa" in story.page(bek).press("acknowledged")
    told["Aida"].append("Bek is on the way to you.")
    told["Cholpon"].append(responder("Bek", aida))
    story.expect(**told)
    assert answers(aida, alert) == {"Bek": ("delivered", None, "acknowledged"), "Cholpon": ("delivered", None, None)}
    assert aida.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    told["Bek"].append(safe(aida))
    told["Cholpon"].append(safe(aida))
    story.expect(**told)
    assert timeline(aida, alert) == ["raised", "check_in_missed", "acknowledged", "resolved"]


def test_a_dead_phone_and_dead_workers_raise_one_alert(story: Story) -> None:
    aida = story.person("Aida", "Bek")
    timer = aida.post("timers/", {"duration_s": 1200, "grace_s": 60}).json()["id"]
    here = {"battery": 3, "latitude": 42.65, "longitude": 74.48}
    assert aida.post(f"timers/{timer}/heartbeat/", here).status_code == 201
    story.world.pass_time(minutes=15)
    story.expect(Aida=[NUDGE])

    with story.world.without("worker-emergency", "scheduler-1"):
        alert = _run_out(story, aida, timer)
        story.wait_for(Bek=[missed(aida)])

    story.expect(Aida=[NUDGE], Bek=[missed(aida)])
    assert aida.alert(alert)["latitude"] == 42.65
    assert "42.65000, 74.48000" in story.page(aida.contacts[0]).text()
    _, missing = steps(aida, alert)
    assert (missing["kind"], missing["data"]["battery"]) == ("check_in_missed", 3)


def _run_out(story: Story, person: Person, timer: str) -> str:
    """Let the last 5 minutes and the grace minute of the timer pass; returns the alert that it raises within 1.5 s."""
    over = datetime.now(UTC)
    story.world.pass_time(minutes=6)

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = person.get(f"timers/{timer}/").json()
        return found

    assert wait_until(lambda: shown()["status"] == "fired", timeout_s=8), story.world.logs()
    assert datetime.fromisoformat(shown()["ended_at"]) - over < timedelta(seconds=1.5)
    late = person.post(f"timers/{timer}/complete/", {})
    assert (late.status_code, late.json()["code"]) == (409, "timer_fired")
    return str(late.json()["alert_id"])
