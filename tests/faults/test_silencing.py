"""Fifty accounts press and cancel on one person's contact; other people's SOS to that contact leave on time.

Promise 9: the first SMS within 2 s of the press, the first call on its step.
"""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
import requests

from tests.world import World
from tests.world.crowd import Presser
from tests.world.people import fresh_number

ACCOUNTS, OTHER_CONTACTS = 50, 9
SMS_WITHIN_S, CALL_WITHIN_S = 2.0, 2.0
_AT_ONCE = [{"channel": channel, "wait_s": 0, "contacts": []} for channel in ["voice", "sms"] * 3 + ["voice"]]
# Seconds from the press until the provider had accepted an alert's first SMS and its first call.
_ACCEPTED = """
SELECT n.kind, m.error_code, extract(epoch FROM m.accepted_at - a.created_at)::float
FROM alerts_notification n JOIN alerts_sosalert a ON a.id = n.alert_id JOIN messaging_message m ON m.id = n.message_id
WHERE a.owner_id = %s AND n.kind IN ('sos', 'call') AND n.round = 0
"""
_SENT_BY = """
SELECT count(*) FILTER (WHERE channel = 'sms'), count(*) FILTER (WHERE channel = 'voice')
FROM messaging_message WHERE on_behalf_of = ANY(%s) AND accepted_at IS NOT NULL
"""


@contextmanager
def _attacked(attackers: list[Presser]) -> Iterator[None]:
    """Every attacker presses and cancels during the block, as fast as they are answered."""
    over = Event()
    with ThreadPoolExecutor(len(attackers)) as threads:
        presses = [threads.submit(_press_until, over, attacker) for attacker in attackers]
        try:
            yield
        finally:
            over.set()
        for each in presses:
            each.result()


def _press_until(over: Event, attacker: Presser) -> None:
    while not over.wait(random.uniform(0, 1)):
        try:
            answer = attacker.post("sos-alerts/", {})
            over.wait(random.uniform(0, 2))
            if answer.ok:
                attacker.post(f"sos-alerts/{answer.json()['id']}/cancel/")
        except requests.RequestException:  # An attack may slow its own answers down.
            continue


def _attackers(world: World, contact: str) -> list[Presser]:
    """Accounts whose first contact is this one, with the policy that sends the most."""
    numbers = [[contact, *(fresh_number() for _ in range(OTHER_CONTACTS))] for _ in range(ACCOUNTS)]
    attackers = Presser.with_contacts(world, numbers)
    for attacker in attackers:
        attacker.choose_waves(_AT_ONCE)
    return attackers


def _is_heard(world: World, victim: Presser, *, call_after_s: float) -> tuple[float, float]:
    """Press, wait for the first call; returns the seconds that the SMS, and the call after its step, took."""
    pressed_at = time.monotonic()
    victim.press()
    time.sleep(max(0, call_after_s + 2 * CALL_WITHIN_S - (time.monotonic() - pressed_at)))
    found = {kind: (code, took_s) for kind, code, took_s in world.rows(_ACCEPTED, victim.person)}
    assert set(found) == {"sos", "call"}, found
    assert {code for code, _ in found.values()} == {""}, found
    (_, sms_s), (_, call_s) = found["sos"], found["call"]
    assert sms_s is not None, found
    assert call_s is not None, found
    return sms_s, call_s - call_after_s


def _attack(world: World, *, for_s: float, victims: int, call_after_s: float | None) -> None:
    contact = fresh_number()
    people = Presser.with_contacts(world, [[contact]] * victims)
    if call_after_s is not None:
        for victim in people:
            victim.choose_waves([{"channel": "voice", "wait_s": call_after_s, "contacts": []}])
    attackers = _attackers(world, contact)
    began = time.monotonic()
    heard = []
    with _attacked(attackers):
        for place, victim in enumerate(people, start=1):
            # The later the victim presses, the more the attackers have used up.
            time.sleep(max(0, began + for_s * place / (victims + 1) - time.monotonic()))
            heard.append(_is_heard(world, victim, call_after_s=60 if call_after_s is None else call_after_s))
        time.sleep(max(0, began + for_s - time.monotonic()))
    [(sms, calls)] = world.rows(_SENT_BY, [str(attacker.person) for attacker in attackers])
    print(f"{for_s:.0f} s, {ACCOUNTS} accounts sent {sms} SMS and {calls} calls; (SMS, call after its step): {heard}")
    assert all(sms_s < SMS_WITHIN_S and -0.5 < call_s < CALL_WITHIN_S for sms_s, call_s in heard), heard


def test_an_sos_is_heard_while_fifty_accounts_flood_its_contact(world: World) -> None:
    _attack(world, for_s=30, victims=1, call_after_s=10)


@pytest.mark.matrix
def test_sos_are_heard_while_fifty_accounts_flood_their_contact_for_ten_minutes(world: World) -> None:
    _attack(world, for_s=600, victims=7, call_after_s=None)
