"""Callbacks duplicated, reordered, replayed, forged and for unknown attempts, hundreds a second."""

import os
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
from twilio.request_validator import RequestValidator

from deploy.local.processes import wait_until
from tests.world import World

CONNECTIONS = 12
PER_SECOND = 500
_DELIVERED = (("queued", ""), ("sending", ""), ("sent", ""), ("delivered", ""))
_REFUSED = (("queued", ""), ("sent", ""), ("undelivered", "30006"))


@dataclass(frozen=True)
class Post:
    """One request as it goes over the wire, and the only right status code."""

    request: bytes
    answer: int


class Twilio:
    """Signs callbacks as Twilio does, or almost so."""

    def __init__(self, world: World) -> None:
        self._url = world.url
        self._account = os.environ["TWILIO_ACCOUNT_SID"]

    def says(self, attempt_id: UUID, sid: str, status: str, code: str) -> Post:
        return self._post(attempt_id, self._form(sid, status, code), answer=204)

    def forged(self, attempt_id: UUID, sid: str) -> Post:
        return self._post(attempt_id, self._form(sid, "failed", "30008"), token="somebody else's", answer=403)

    def of_another_account(self, attempt_id: UUID, sid: str) -> Post:
        form = self._form(sid, "failed", "30008") | {"AccountSid": "AC" + "f" * 32}
        return self._post(attempt_id, form, answer=403)

    def of_nobody(self) -> Post:
        return self._post(uuid4(), self._form(f"SM{uuid4().hex}", "delivered", ""), answer=404)

    def senseless(self, attempt_id: UUID, sid: str) -> Post:
        return self._post(attempt_id, self._form(sid, "exploded", ""), answer=204)

    def _form(self, sid: str, status: str, code: str) -> dict[str, str]:
        form = {"AccountSid": self._account, "MessageSid": sid, "MessageStatus": status}
        return form | ({"ErrorCode": code} if code else {})

    def _post(self, attempt_id: UUID, form: dict[str, str], *, answer: int, token: str = "") -> Post:
        path = f"/api/v1/webhooks/twilio/status/{attempt_id}/"
        validator = RequestValidator(token or os.environ["TWILIO_AUTH_TOKEN"])
        body = urlencode(form)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {urlsplit(self._url).netloc}\r\n"
            f"X-Twilio-Signature: {validator.compute_signature(self._url + path, form)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return Post((head + body).encode(), answer)


def _send(world: World, posts: Sequence[Post]) -> list[int]:
    """Send the requests over one kept-alive connection, at little cost; returns the status codes."""
    parts = urlsplit(world.url)
    answers = []
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line, line.makefile("rb") as replies:
        for post in posts:
            line.sendall(post.request)
            status = int(replies.readline().split()[1])
            length = 0
            while (header := replies.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            replies.read(length)
            answers.append(status)
    return answers


def _storm(world: World, posts: Sequence[Post]) -> float:
    """Send all requests at once over several connections; returns how many went through in a second."""
    hands = [posts[place::CONNECTIONS] for place in range(CONNECTIONS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        answers = list(threads.map(lambda hand: _send(world, hand), hands))
    took_s = time.perf_counter() - started
    wrong = Counter(
        (post.answer, got)
        for hand, answer in zip(hands, answers, strict=True)
        for post, got in zip(hand, answer, strict=True)
        if got != post.answer
    )
    assert not wrong, f"(expected, got): {wrong}\n{world.processes['web'].tail()}"
    return len(posts) / took_s


def _stories(world: World, phones: list[str], refused: set[str]) -> Iterator[Post]:
    """Twilio's callbacks about each message, all of them twice, and false ones from others."""
    twilio = Twilio(world)
    attempts = world.rows(
        "SELECT a.id, a.provider_id, m.address FROM messaging_attempt a JOIN messaging_message m ON m.id = a.message_id"
        # An attempt that missed its slot made no request.
        " WHERE m.address = ANY(%s) AND a.provider_id <> ''",
        phones,
    )
    for attempt_id, sid, phone in attempts:
        for status, code in 2 * (_REFUSED if phone in refused else _DELIVERED):
            yield twilio.says(attempt_id, sid, status, code)
        yield twilio.forged(attempt_id, sid)
        yield twilio.of_another_account(attempt_id, sid)
        yield twilio.senseless(attempt_id, sid)
        yield twilio.of_nobody()


def _rows(world: World, phones: list[str]) -> list[tuple[int, ...]]:
    """The numbers of attempts and events of these messages, and of alarms."""
    of_them = "JOIN messaging_message m ON m.id = message_id WHERE m.address = ANY(%s)"
    return world.rows(
        f"SELECT (SELECT count(*) FROM messaging_attempt {of_them}),"
        f" (SELECT count(*) FROM messaging_messageevent {of_them}), (SELECT sum(times) FROM messaging_operatoralarm)",
        phones,
        phones,
    )


def _weather(world: World, *, count: int, replays: int) -> float:
    """Returns the most callbacks that were answered in a second."""
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(callbacks=False)
    phones = world.queue_routine(count)
    assert wait_until(lambda: world.states(phones) == {"accepted": count}, timeout_s=30), world.logs()
    refused = set(phones[::4])
    posts = list(_stories(world, phones, refused))
    random.Random(1).shuffle(posts)

    first = _storm(world, posts)
    ends = {"delivered": count - len(refused), "undelivered": len(refused)}
    assert world.states(phones) == ends
    assert world.states(sorted(refused)) == {"undelivered": len(refused)}
    before = _rows(world, phones)

    # All callbacks again, in another order, and a person who presses in the middle of them.
    replayed = random.Random(2).sample(posts * replays, len(posts) * replays)
    with ThreadPoolExecutor(1) as thread:
        replaying = thread.submit(_storm, world, replayed)
        pressed = time.perf_counter()
        assert aida.press_sos().status_code == 201
        accepted_s = time.perf_counter() - pressed
        again = replaying.result()
    print(
        f"{len(posts)} callbacks at {first:.0f} a second, {len(replayed)} replays at {again:.0f} a second;"
        f" an SOS among them was accepted after {accepted_s:.2f} s"
    )
    assert accepted_s < 1
    assert _rows(world, phones) == before
    assert world.states(phones) == ends
    world.wait_for_arrivals([bek.phone], timeout_s=10)
    return max(first, again)


def test_a_shower_of_callbacks(world: World) -> None:
    _weather(world, count=40, replays=1)


@pytest.mark.matrix
def test_a_storm_of_callbacks(world: World) -> None:
    assert _weather(world, count=250, replays=2) >= PER_SECOND
