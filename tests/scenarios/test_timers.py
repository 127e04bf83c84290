"""A timer whose phone falls silent, over real processes: workers fire it, and without them a scheduler does."""

from deploy.local.processes import wait_until
from tests.scenarios.story import LINK, SAFE, Story, answers, steps, timeline
from tests.world import Person

NUDGE = "UPDATE alerts_activitytimer SET nudge_at = now() WHERE id = %s"
SILENT = (
    "UPDATE alerts_activitytimer SET ends_at = now() - interval '60 s', due_at = now(), nudge_at = NULL WHERE id = %s"
)
LATE = "SELECT extract(epoch FROM ended_at - due_at) FROM alerts_activitytimer WHERE id = %s AND status = 'fired'"


def missed(person: Person) -> str:
    return f"{person.first_name} Asanova missed a check-in: {LINK} Call {person.phone}"


def test_a_missed_check_in_tells_the_contacts(story: Story) -> None:
    """The phone is on and nobody looks at it: the nudge arrives, the check-in does not."""
    aida = story.person("Aida", "Bek", "Cholpon")
    bek, _ = aida.contacts
    timer = aida.post("timers/", {"duration_s": 600, "grace_s": 60, "place": "Ala-Archa"}).json()["id"]

    story.world.execute(NUDGE, timer)
    nudge = "Your timer ends in 10 min. Check in, or your contacts are told."
    story.expect(Aida=[nudge])

    alert = _falls_silent(story, aida, timer)

    told = {"Aida": [nudge], "Bek": [missed(aida)], "Cholpon": [missed(aida)]}
    story.expect(**told)
    assert "Ala-Archa" in story.page(bek).press("acknowledged")
    told["Aida"].append("Bek is on the way to you.")
    told["Cholpon"].append("Bek is on the way to Aida.")
    story.expect(**told)
    assert answers(aida, alert) == {"Bek": ("delivered", None, "acknowledged"), "Cholpon": ("delivered", None, None)}
    assert aida.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    told["Bek"].append(SAFE)
    told["Cholpon"].append(SAFE)
    story.expect(**told)
    assert timeline(aida, alert) == ["raised", "check_in_missed", "acknowledged", "resolved"]


def test_a_dead_phone_and_dead_workers_raise_one_alert(story: Story) -> None:
    aida = story.person("Aida", "Bek")
    timer = aida.post("timers/", {"duration_s": 600, "grace_s": 60}).json()["id"]
    here = {"battery": 3, "latitude": 42.65, "longitude": 74.48}
    assert aida.post(f"timers/{timer}/heartbeat/", here).status_code == 201

    with story.world.without("worker-emergency", "scheduler-1"):
        alert = _falls_silent(story, aida, timer)
        story.wait_for(Bek=[missed(aida)])

    story.expect(Bek=[missed(aida)])
    assert aida.alert(alert)["latitude"] == 42.65
    assert "42.65000, 74.48000" in story.page(aida.contacts[0]).text()
    _, missing = steps(aida, alert)
    assert (missing["kind"], missing["data"]["battery"]) == ("check_in_missed", 3)


def _falls_silent(story: Story, person: Person, timer: str) -> str:
    """Its time is over: the alert that it raises within 1.5 s."""
    story.world.execute(SILENT, timer)
    assert wait_until(lambda: bool(story.world.rows(LATE, timer)), timeout_s=8), story.world.logs()
    assert story.world.rows(LATE, timer)[0][0] < 1.5
    late = person.post(f"timers/{timer}/complete/", {})
    assert (late.status_code, late.json()["code"]) == (409, "timer_fired")
    return str(late.json()["alert_id"])
