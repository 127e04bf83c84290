"""An account that does its worst on every endpoint, from many connections, and a person who presses meanwhile."""

import http.client
import itertools
import json
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.alerts.evidence.tus import metadata
from tests.world import World
from tests.world.crowd import Presser
from tests.world.people import fresh_number

CONNECTIONS = 16
CONTACTS = 5
_JSON = {"Content-Type": "application/json"}

# Method, path, headers and body.
Ask = tuple[str, str, dict[str, str], bytes]


@dataclass
class Attacker:
    """One account. `answers` counts each path's statuses."""

    world: World
    presser: Presser
    alert_id: str = ""
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    @classmethod
    def of(cls, world: World) -> "Attacker":
        [presser] = Presser.with_contacts(world, [[fresh_number() for _ in range(CONTACTS)]])
        answer = presser.session.post(f"{world.url}/api/v1/sos-alerts/", json={}, timeout=30)
        return cls(world, presser, alert_id=answer.json()["id"])

    @contextmanager
    def attacking(self, *, only: str = "") -> Iterator[None]:
        """Ask on every connection, one request after the other, for the length of the block."""
        over = threading.Event()
        threads = [
            threading.Thread(target=self._ask_on, args=(over, random.Random(number), only), daemon=True)
            for number in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join(timeout=60)

    def _ask_on(self, over: threading.Event, dice: random.Random, only: str) -> None:
        asks = [make for name, make in self._asks().items() if only in name]
        address = urlsplit(self.world.url).netloc
        connection = http.client.HTTPConnection(address, timeout=30)
        while not over.is_set():
            method, path, headers, body = dice.choice(asks)()
            try:
                connection.request(method, path, body, headers | {"Authorization": self._authorization})
                answer = connection.getresponse()
                answer.read()
                self.answers[_kind(path), answer.status] += 1
            except (OSError, http.client.HTTPException):
                self.answers[_kind(path), 0] += 1
                connection.close()

    @property
    def _authorization(self) -> str:
        return str(self.presser.session.headers["Authorization"])

    def _asks(self) -> dict[str, Callable[[], Ask]]:
        """Every kind of request that was found to be expensive, and every list and form of the API."""
        alert = f"/api/v1/sos-alerts/{self.alert_id}/"
        asks: dict[str, Callable[[], Ask]] = {
            "schema": lambda: ("GET", "/api/schema/", {}, b""),
            "ready": lambda: ("GET", "/readyz", {}, b""),
            "docs": lambda: ("GET", "/api/docs/", {}, b""),
            "no such alert": lambda: _posted(f"/api/v1/sos-alerts/{uuid4()}/cancel/", {"pin": "1234"}),
            "amr": lambda: _amr(f"{alert}upload_audio/"),
            "resumable": lambda: ("POST", f"{alert}uploads/", _tus(100_000_000), b""),
            "batch": lambda: _posted("/api/v1/locations/batch/", {"locations": _fixes(1_000)}),
            "alert batch": lambda: _posted(f"{alert}locations/batch/", {"locations": _fixes(1_000)}),
            "position": lambda: _posted(f"{alert}locations/", _fixes(1)[0]),
            "form to the admin": lambda: ("POST", "/admin/login/", {"Cookie": "csrftoken=" + "a" * 32}, b"x" * 60_000),
            "large form": lambda: ("POST", "/admin/login/", {"Content-Type": "multipart/form-data; boundary=b"}, _FORM),
            "key": lambda: _posted("/api/v1/timers/", {"duration_s": 3600}, **{"Idempotency-Key": uuid4().hex}),
            "contact": lambda: _posted("/api/v1/me/contacts/", {"name": "X", "phone_number": fresh_number()}),
            "zone": lambda: _posted("/api/v1/geozones/", _ZONE | {"name": uuid4().hex}),
            "blueprint": lambda: _posted("/api/v1/blueprints/create-from-current/", {"name": uuid4().hex}),
            "device": lambda: _posted("/api/v1/me/devices/", {"name": "x", "platform": "ios"}),
            "garbage": lambda: _posted("/api/v1/geozones/", {"a": [[[[{}] * 50] * 20]]}),
            "log-in": lambda: _posted("/api/v1/auth/login/", {"phone_number": fresh_number(), "password": "x" * 100}),
        }
        reads = (
            *("sos-alerts/", f"sos-alerts/{self.alert_id}/", f"sos-alerts/{self.alert_id}/timeline/", "me/contacts/"),
            *("locations/?page_size=1000", "locations/gpx/", "locations/geojson/", "geozones/", "geozones/events/"),
            *("timers/", "blueprints/", "me/", f"sos-alerts/{self.alert_id}/locations/", "sos-alerts/false_alarms/"),
            *(f"sos-alerts/{self.alert_id}/export/", f"sos-alerts/{self.alert_id}/evidence/", "me/devices/"),
        )
        for path in reads:
            asks[f"read {path}"] = lambda path=path: ("GET", f"/api/v1/{path}", {}, b"")  # type: ignore[misc]
        return asks | {"press": lambda: _posted("/api/v1/sos-alerts/", {"latitude": 42.8, "longitude": 74.5})}


_ZONE = {"shape": "circle", "latitude": 42.87, "longitude": 74.57, "radius_m": 100}
_FORM = b"--b\r\nContent-Disposition: form-data; name=x; filename=x\r\n\r\n" + b"x" * 4_000_000
_ids = itertools.count()


def _kind(path: str) -> str:
    parts = path.partition("?")[0].strip("/").split("/")
    return "/".join("*" if len(part) == 36 else part for part in parts)


def _posted(path: str, body: dict[str, Any], **headers: str) -> Ask:
    return "POST", path, _JSON | headers, json.dumps(body).encode()


def _fixes(count: int) -> list[dict[str, Any]]:
    now = time.time()
    made = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 10 * number)) for number in range(count)]
    return [{"id": str(uuid4()), "recorded_at": at, "latitude": 42.87, "longitude": 74.57} for at in made]


def _amr(path: str) -> Ask:
    content = b"#!AMR\n" + b"\x78" * 1_000_000 + b"%d" % next(_ids)
    head = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
    return "POST", path, {"Content-Type": "multipart/form-data; boundary=b"}, head + content + b"\r\n--b--\r\n"


def _tus(length: int) -> dict[str, str]:
    return {"Tus-Resumable": "1.0.0", "Upload-Length": str(length), "Upload-Metadata": metadata(kind="video")}


def presses(world: World, *, seconds: float, every_s: float) -> list[float]:
    """Milliseconds of each press: other people, one after the other, each with contacts of their own."""
    people = Presser.with_contacts(
        world, [[fresh_number() for _ in range(CONTACTS)] for _ in range(int(seconds / every_s))]
    )
    took, began = [], time.perf_counter()
    for number, presser in enumerate(people):
        time.sleep(max(0.0, began + number * every_s - time.perf_counter()))
        pressed = time.perf_counter()
        presser.press()
        took.append((time.perf_counter() - pressed) * 1000)
        if time.perf_counter() - began > seconds:
            break
    return took


def described(took: list[float]) -> str:
    ordered = sorted(took)
    worst = ordered[int(len(ordered) * 0.95)]
    return f"median {statistics.median(took):.0f} ms, 95 % {worst:.0f} ms, {len(took)} presses"
