"""Presses over real connections, as odd clients send them: each is an SOS (Promise 11)."""

import socket
from urllib.parse import urlsplit

import requests

from tests.scenarios.story import Story, sos

BODY = b'{"latitude": 42.87, "longitude": 74.57}'


def raw(url: str, request: bytes) -> bytes:
    """The response to bytes that no HTTP library would send."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while not (b"\r\n\r\n" in answer and answer.rstrip().endswith(b"}")):
            more = connection.recv(65_536)
            if not more:
                break
            answer += more
    return answer


def test_presses_are_taken_as_they_are_sent(story: Story) -> None:
    aida = story.person("Aida", "Bek")
    token = aida.session.headers["Authorization"]
    url = f"{story.world.url}/api/v1/sos-alerts"
    bearer = str(token).replace("Bearer", "bearer")
    odd = {"Authorization": bearer, "Content-Type": "text/plain", "Idempotency-Key": "a b"}

    first = requests.post(url, BODY, headers=odd, timeout=20, allow_redirects=False)
    assert (first.status_code, first.json()["latitude"]) == (201, 42.87)
    alert = first.json()["id"]
    # Much more than is read: the beginning counts, and the response arrives.
    large = requests.post(f"{url}/", BODY + b" " * 3_000_000, headers=odd | {"Idempotency-Key": "2"}, timeout=20)
    assert (large.status_code, large.json()["id"]) == (200, alert)
    chunked = requests.post(f"{url}/", iter([BODY, b" " * 200_000]), headers=odd | {"Idempotency-Key": "3"}, timeout=20)
    assert (chunked.status_code, chunked.json()["id"]) == (200, alert)
    head = f"POST //api/v1/sos-alerts HTTP/1.1\r\nHost: nowhere.example\r\nauthorization: {bearer}\r\n"
    answer = raw(url, head.encode() + b"Content-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert alert.encode() in answer
    story.expect(Bek=[sos(aida)])
