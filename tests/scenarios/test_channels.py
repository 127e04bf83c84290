"""Calls and e-mails over real processes: the outbox, a grant, a worker, the provider, its callbacks, the end."""

import pytest

from deploy.local.processes import wait_until
from messaging.models import Channel, MessageClass
from tests.world import World
from tests.world.installation import WORKERS
from tests.world.people import fresh_number

TEXT = "Aida is in danger. Press 1 if you are on your way."


def emergency(address: str, text: str, channel: Channel, *, language: str = "en") -> dict[str, object]:
    kind = MessageClass.EMERGENCY
    return {"address": address, "text": text, "channel": channel, "language": language, "message_class": kind}


def queue_call(world: World, number: str) -> None:
    world.queue(emergency(number, TEXT, Channel.VOICE))


def test_a_call_and_an_email_arrive_and_the_pressed_key_is_recorded(world: World) -> None:
    phone, mail = fresh_number(), "bek@example.org"
    world.sandbox.behave(channel="voice", to=phone, digits="51")

    world.queue(
        emergency(phone, TEXT, Channel.VOICE),
        emergency(mail, "Помогите Айде", Channel.EMAIL, language="ru"),
    )

    world.wait_for_states([phone, mail], {"delivered": 2})
    [call] = world.arrivals([phone])
    assert (call.sid[:2], call.body) == ("CA", TEXT)
    # The wrong key 5 is not recorded: the call asks again and records the 1.
    assert world.keys_pressed(phone) == ["1"]
    [letter] = world.mailbox.wait_for(mail, 1, 5)
    assert letter["Subject"] == "SOS: нужна ваша помощь"
    assert str(letter.get_content()).strip() == "Помогите Айде"
    assert world.deliverers([phone, mail]) == {"worker": 2}
    logs = "\n".join(p.log.read_text(errors="replace") for p in world.processes.values() if p.name != "sandbox")
    for secret in (phone, mail, "Помогите", "Aida is in danger"):
        assert secret not in logs


@pytest.mark.parametrize("callbacks", [True, False])
def test_a_lost_reply_makes_one_call(callbacks: bool, world: World) -> None:
    phone = fresh_number()
    world.sandbox.behave(channel="voice", to=phone, lose_reply=True, callbacks=callbacks)

    queue_call(world, phone)

    # Without callbacks a look-up finds the call.
    assert wait_until(lambda: set(world.states([phone])) <= {"accepted", "sent", "delivered"}, timeout_s=15)
    assert wait_until(lambda: len(world.sandbox.calls(phone)) == 1, timeout_s=5)
    if callbacks:
        world.wait_for_states([phone], {"delivered": 1})
    assert len(world.sandbox.calls(phone)) == 1


def test_a_worker_killed_after_the_call_was_made_makes_one_call(world: World) -> None:
    phone = fresh_number()
    world.sandbox.behave(channel="voice", to=phone, latency_ms=3_000, callback_delay_ms=1_000, digits="1")
    queue_call(world, phone)
    assert wait_until(lambda: world.sandbox.calls(phone) != [], timeout_s=10)

    for name in WORKERS:
        world.processes[name].kill()

    world.wait_for_states([phone], {"delivered": 1})
    assert world.keys_pressed(phone) == ["1"]
    assert len(world.sandbox.calls(phone)) == 1


def test_a_call_that_nobody_picks_up_is_made_again_after_half_a_minute(world: World) -> None:
    phone = fresh_number()
    world.sandbox.behave(channel="voice", to=phone, final="no-answer", times=1)
    queue_call(world, phone)
    assert wait_until(lambda: world.states([phone]) == {"queued": 1} and world.sandbox.calls(phone) != [], timeout_s=10)

    world.pass_time(seconds=30)

    world.wait_for_states([phone], {"delivered": 1})
    assert len(world.sandbox.calls(phone)) == 2
