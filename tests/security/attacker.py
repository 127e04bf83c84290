"""A program: one account that does its worst on every endpoint, from many connections. It needs no Django."""

import http.client
import itertools
import json
import random
import sys
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

CONNECTIONS = 16
_JSON = {"Content-Type": "application/json"}
_numbers = itertools.count(int(time.time()) % 1_000_000)

# Method, path, headers and body.
Ask = tuple[str, str, dict[str, str], bytes]


@dataclass
class Account:
    """`answers` counts each path's statuses."""

    url: str
    authorization: str
    alert_id: str
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def ask_until(self, over: threading.Event) -> None:
        threads = [
            threading.Thread(target=self._ask_on, args=(over, random.Random(number)), daemon=True)
            for number in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        over.wait()
        for thread in threads:
            thread.join(timeout=30)

    def _ask_on(self, over: threading.Event, dice: random.Random) -> None:
        asks = list(self._asks().values())
        address = urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(address, timeout=30)
        while not over.is_set():
            method, path, headers, body = dice.choice(asks)()
            try:
                connection.request(method, path, body, headers | {"Authorization": self.authorization})
                answer = connection.getresponse()
                answer.read()
                self.answers[_kind(path), answer.status] += 1
            except (OSError, http.client.HTTPException):
                self.answers[_kind(path), 0] += 1
                connection.close()

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
            "batch": lambda: ("POST", "/api/v1/locations/batch/", _JSON, next(_batches)),
            "alert batch": lambda: ("POST", f"{alert}locations/batch/", _JSON, next(_batches)),
            "position": lambda: _posted(f"{alert}locations/", _fixes(1)[0]),
            "form to the admin": lambda: ("POST", "/admin/login/", {"Cookie": "csrftoken=" + "a" * 32}, b"x" * 60_000),
            "large form": lambda: ("POST", "/admin/login/", {"Content-Type": "multipart/form-data; boundary=b"}, _FORM),
            "key": lambda: _posted("/api/v1/timers/", {"duration_s": 3600}, **{"Idempotency-Key": uuid4().hex}),
            "contact": lambda: _posted("/api/v1/me/contacts/", {"name": "X", "phone_number": _number()}),
            "zone": lambda: _posted("/api/v1/geozones/", _ZONE | {"name": uuid4().hex}),
            "blueprint": lambda: _posted("/api/v1/blueprints/create-from-current/", {"name": uuid4().hex}),
            "device": lambda: _posted("/api/v1/me/devices/", {"name": "x", "platform": "ios"}),
            "garbage": lambda: _posted("/api/v1/geozones/", {"a": [[[[{}] * 50] * 20]]}),
            "log-in": lambda: _posted("/api/v1/auth/login/", {"phone_number": _number(), "password": "x" * 100}),
        }
        reads = (
            *("sos-alerts/", f"sos-alerts/{self.alert_id}/", f"sos-alerts/{self.alert_id}/timeline/", "me/contacts/"),
            *("locations/?page_size=1000", "locations/gpx/", "locations/geojson/", "geozones/", "geozones/events/"),
            *("timers/", "blueprints/", "me/", f"sos-alerts/{self.alert_id}/locations/", "sos-alerts/false-alarms/"),
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


# Made before the attack: the attacker's own work would take processor from the server.
_batches = itertools.cycle([json.dumps({"locations": _fixes(1_000)}).encode() for _ in range(40)])
_SOUND = b"#!AMR\n" + b"\x78" * 1_000_000


def _amr(path: str) -> Ask:
    content = _SOUND + b"\x78" * next(_ids)
    head = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
    return "POST", path, {"Content-Type": "multipart/form-data; boundary=b"}, head + content + b"\r\n--b--\r\n"


def _tus(length: int) -> dict[str, str]:
    return {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(length),
        "Upload-Metadata": f"kind {b64encode(b'video').decode()}",
    }


def _number() -> str:
    return f"+99670{next(_numbers) % 10_000_000:07d}"


def _wait_for_end(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


def main(url: str, authorization: str, alert_id: str) -> None:
    """Attack until standard input ends, then print the answers."""
    account, over = Account(url, authorization, alert_id), threading.Event()
    threading.Thread(target=_wait_for_end, args=(over,), daemon=True).start()
    account.ask_until(over)
    print(json.dumps([[path, status, count] for (path, status), count in account.answers.items()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
