"""A phone without a network: the app queues the SOS, the way and a recording.

It posts everything late, and twice, with an access token that has expired meanwhile.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import requests
from rest_framework_simplejwt.tokens import AccessToken

from tests.alerts.evidence import files
from tests.scenarios.story import Story, answers, safe, sos, timeline
from tests.world import Person, World

SOUND = files.AUDIO["audio/wav"]
MINUTES = 20


class Queue:
    """The queue that the app kept without a network, and its posts: with a device's credential beside an expired
    token."""

    def __init__(self, world: World, person: Person) -> None:
        registered = person.post("me/devices/", {"name": "Aida's phone", "platform": "android"})
        assert registered.status_code == 201, registered.text
        self.api = f"{world.url}/api/v1/"
        self.person = person
        self.session = requests.Session()
        self.session.headers.update(
            {
                "X-SOS-Credential": registered.json()["credential"],
                "Authorization": f"Bearer {_expired(person)}",
            }
        )
        self.key = str(uuid4())
        since = datetime.now(UTC) - timedelta(minutes=MINUTES)
        self.way = [
            _fix(since + timedelta(minutes=minute), round(42.87 + minute / 1000, 3)) for minute in range(MINUTES)
        ]

    def post(self, path: str, body: Any = None, **kwargs: Any) -> requests.Response:
        return self.session.post(self.api + path, json=body, timeout=20, **kwargs)

    def post_everything(self) -> tuple[requests.Response, requests.Response, requests.Response]:
        """Post the SOS, the way and the recording as they were written down, the way in reverse order."""
        pressed = self.way[0] | {"address": "Ala-Archa"}
        alert = self.post("sos-alerts/", pressed, headers={"Idempotency-Key": self.key})
        path = f"sos-alerts/{alert.json()['id']}/"
        batch = {"locations": self.way[::-1], "sent_at": datetime.now(UTC).isoformat()}
        sound = {"data": {"sha256": sha256(SOUND).hexdigest()}, "files": {"audio": ("a.wav", SOUND)}}
        return alert, self.post(f"{path}locations/batch/", batch), self.post(f"{path}upload_audio/", **sound)


def _expired(person: Person) -> AccessToken:
    token = AccessToken()
    token["user_id"] = person.get("me/").json()["id"]
    token.set_exp(from_time=datetime.now(UTC) - timedelta(days=30))
    return token


def _fix(at: datetime, latitude: float) -> dict[str, Any]:
    return {"id": str(uuid4()), "latitude": latitude, "longitude": 74.57, "recorded_at": at.isoformat(), "battery": 9}


def test_a_phone_without_network_posts_everything_late_and_twice(story: Story) -> None:
    aida = story.person("Aida", "Bek")
    phone = Queue(story.world, aida)

    first, way, sound = phone.post_everything()
    alert = first.json()["id"]
    assert [answer.status_code for answer in (first, way, sound)] == [201, 201, 201]
    assert way.json() == {"stored": MINUTES, "repeated": 0, "refused": []}
    # The responses were lost: the app does not know, and posts its queue again.
    first, way, sound = phone.post_everything()
    assert [answer.status_code for answer in (first, way, sound)] == [201, 200, 200]
    assert first.json()["id"] == alert
    assert way.json() == {"stored": 0, "repeated": MINUTES, "refused": []}
    # The app has forgotten its key, and presses once more.
    assert phone.post("sos-alerts/", {}).json() | {"warnings": []} == first.json() | {"warnings": []}

    story.expect(Bek=[sos(aida)])
    page = story.page(aida.contacts[0]).text()
    for words in ("42.88900, 74.57000", "1 min ago", "Phone battery: 9 %", "Sound recording"):
        assert words in page
    # The credential reads nothing and ends nothing.
    assert phone.session.get(f"{phone.api}sos-alerts/{alert}/", timeout=20).status_code == 401
    assert phone.post(f"sos-alerts/{alert}/cancel/").status_code == 401

    [shown] = aida.get("sos-alerts/").json()["results"]
    assert (shown["id"], shown["latitude"], shown["status"]) == (alert, 42.889, "active")
    assert answers(aida, alert) == {"Bek": ("delivered", None, None)}
    [kept] = aida.get(f"sos-alerts/{alert}/evidence/").json()
    assert kept["sha256"] == sha256(SOUND).hexdigest()
    assert len(aida.get(f"sos-alerts/{alert}/locations/").json()["results"]) == MINUTES + 1
    assert aida.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    # The last position comes when all is over: it is kept, and moves nothing.
    last = _fix(datetime.now(UTC) - timedelta(seconds=50), 42.95)
    assert phone.post(f"sos-alerts/{alert}/locations/", last).json()["stored"] == 1
    assert aida.alert(alert)["latitude"] == 42.889
    story.expect(Bek=[sos(aida), safe(aida)])
    assert timeline(aida, alert) == ["raised", "evidence_added", "pressed_again", "resolved"]
