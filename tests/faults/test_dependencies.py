"""Twilio, PostgreSQL and RabbitMQ stop, pause, slow down and answer nonsense while somebody presses SOS.

Lost 0, double 0. Only an EMERGENCY may arrive twice, and only when look-ups fail too.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

import pytest

from deploy.local.processes import wait_until
from tests.faults.faults import scripted
from tests.faults.line import Fault, Line
from tests.services import postgres
from tests.world import World

LASTS_S = 3.0
ALL_ENDED_S = 60.0

Strike = Callable[[World, Line], AbstractContextManager[None]]


def _line(fault: Fault) -> Strike:
    return lambda world, line: line.faulty(fault)


def _scripted(**script: object) -> Strike:
    return lambda world, line: scripted(world, **script)


TWILIO: dict[str, Strike] = {
    "refuses connections": _line("refused"),
    "is paused": lambda world, line: world.frozen("sandbox"),
    "is slow": _scripted(latency_ms=2_000),
    "has a slow line": _line("slow"),
    "answers noise": _line("garbage"),
    "resets connections": _line("reset"),
    "breaks off its reply": _scripted(garbage=True),
    "resets after creating": _scripted(lose_reply=True),
    "500 and created nothing": _scripted(status=500),
    "500 and created it": _scripted(status=500, created=True),
    "429": _scripted(status=429, retry_after_s=1),
    "hangs and created nothing": _scripted(hang=True, created=False),
    "hangs and created it": _scripted(hang=True),
    "drips": _scripted(drip_ms=100),
}


def _endure(world: World, line: Line, fault: str, *, callbacks: bool) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    world.sandbox.behave(callbacks=callbacks)
    with TWILIO[fault](world, line):
        pressed = time.time()
        assert aida.press_sos().status_code == 201
        phones += world.queue_routine(3)
        time.sleep(LASTS_S)
    world.sandbox.behave(callbacks=callbacks)

    _wait_for_the_end(world, phones)
    arrived = world.arrivals(phones)
    print(f"Twilio {fault}, callbacks {callbacks}: last arrival {max(a.at for a in arrived) - pressed:.1f} s after")
    assert Counter(a.to for a in arrived) == dict.fromkeys(phones, 1)


def _wait_for_the_end(world: World, phones: list[str]) -> None:
    """Wait until every message is delivered, by callback or, after two minutes that pass, by the watch."""
    told = {"accepted", "sent", "delivered"}
    assert wait_until(lambda: set(world.states(phones)) <= told, timeout_s=ALL_ENDED_S), (
        f"{world.states(phones)}\n{world.logs()}"
    )
    if not wait_until(lambda: set(world.states(phones)) == {"delivered"}, timeout_s=2):
        world.execute("UPDATE messaging_message SET due_at = now() WHERE final_at IS NULL")
    world.wait_for_states(phones, {"delivered": len(phones)}, timeout_s=10)


@pytest.mark.parametrize("fault", ["refuses connections", "is paused"])
def test_twilio(world: World, twilio: Line, fault: str) -> None:
    _endure(world, twilio, fault, callbacks=False)


@pytest.mark.matrix
@pytest.mark.parametrize("callbacks", [True, False])
@pytest.mark.parametrize("fault", TWILIO)
def test_twilio_in_every_way(world: World, twilio: Line, fault: str, callbacks: bool) -> None:
    _endure(world, twilio, fault, callbacks=callbacks)


@pytest.mark.matrix
@pytest.mark.parametrize(
    "script",
    [
        {"status": 500, "created": True},
        {"status": 500},
        {"lose_reply": True},
        {"hang": True},
        {"hang": True, "created": False},
    ],
    ids=str,
)
def test_without_any_evidence_only_an_emergency_is_doubled(
    world: World, twilio: Line, script: dict[str, object]
) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    world.sandbox.behave(callbacks=False, fail_lists=True)
    letters = world.queue_routine(3)
    for phone in [*phones, *letters]:
        world.sandbox.behave(to=phone, times=1, **script)

    assert aida.press_sos().status_code == 201
    # The outcomes are unknown; ten seconds later the emergencies are sent again.
    assert wait_until(lambda: world.states(phones) == {"accepted": 3}, timeout_s=30), world.logs()
    assert world.states(letters) == {"unknown": 3}
    world.sandbox.behave(fail_lists=False)

    _wait_for_the_end(world, [*phones, *letters])
    arrived = Counter(a.to for a in world.arrivals([*phones, *letters]))
    double = sum(arrived[phone] - 1 for phone in phones)
    print(f"without any evidence, {script}: {double} of {len(phones)} emergencies arrived twice")
    assert double == (0 if script.get("created", "status" not in script) is False else 3)
    assert [arrived[letter] for letter in letters] == [1, 1, 1]


@pytest.mark.matrix
def test_twilio_wakes_after_every_deadline(world: World, twilio: Line) -> None:
    """Twilio then works off requests that were given up long ago, and answers look-ups at the same moment."""
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    with world.frozen("sandbox"):
        assert aida.press_sos().status_code == 201
        letters = world.queue_routine(5)
        time.sleep(25)

    _wait_for_the_end(world, [*phones, *letters])
    arrived = Counter(a.to for a in world.arrivals([*phones, *letters]))
    print(f"Twilio paused for 25 s: {sum(arrived[p] - 1 for p in phones)} of 3 emergencies arrived twice")
    assert [arrived[letter] for letter in letters] == [1] * 5


def _through_line(url: str, line: Line) -> str:
    return re.sub(r":\d+/", f":{line.port}/", url, count=1)


@contextmanager
def _line_to(world: World, name: str, url: str, *, slow_s: float) -> Iterator[Line]:
    """Restart the processes so that they reach a server through a line."""
    port = urlsplit(url).port
    assert port
    line = Line(port, slow_s=slow_s)
    with world.restarted_with(**{name: _through_line(url, line)}):
        yield line
    line.close()


def _press_and_count(world: World, *, within_s: float) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    pressed = time.time()
    assert aida.press_sos().status_code == 201
    arrivals = world.wait_for_arrivals(phones, timeout_s=60)
    assert max(a.at for a in arrivals) - pressed < within_s
    world.wait_for_states(phones, {"delivered": 3}, timeout_s=30)
    assert len(world.arrivals(phones)) == 3


@pytest.mark.matrix
@pytest.mark.parametrize("fault", ["slow", "garbage", "held", "reset"])
def test_rabbitmq_behind_a_bad_line(world: World, fault: Fault) -> None:
    """Promise 3 again: whatever the broker answers or does not answer, the SMS leave within 5 s."""
    with _line_to(world, "RABBITMQ_URL", os.environ["RABBITMQ_URL"], slow_s=0.5) as line:
        with line.faulty(fault):
            _press_and_count(world, within_s=5)
        world.wait_until_ready()
        _press_and_count(world, within_s=5)


@pytest.mark.matrix
def test_postgresql_is_slow(world: World) -> None:
    """Every statement takes forty milliseconds there and back."""
    with _line_to(world, "DATABASE_URL", world.database_url, slow_s=0.02) as line, line.faulty("slow"):
        _press_and_count(world, within_s=10)


@pytest.mark.parametrize("for_s", [3, pytest.param(12, marks=pytest.mark.matrix)])
def test_postgresql_is_paused_while_messages_are_on_the_way(world: World, for_s: int) -> None:
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts("Bek", "Cholpon", "Daniyar")]
    world.sandbox.behave(latency_ms=500)
    assert aida.press_sos().status_code == 201
    phones += world.queue_routine(20)
    assert wait_until(lambda: len(world.arrivals(phones)) > 0, timeout_s=10)

    postgres().pause()
    try:
        time.sleep(for_s)
    finally:
        postgres().resume()

    _wait_for_the_end(world, phones)
    assert Counter(a.to for a in world.arrivals(phones)) == dict.fromkeys(phones, 1)
