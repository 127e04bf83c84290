"""The sender that carries a message, and the next one when a sender cannot."""

from datetime import timedelta

import pytest

from messaging import policy
from messaging.database import clock
from messaging.delivery import outages
from messaging.delivery.courier import Courier
from messaging.models import Attempt, Channel, Message, MessageClass, OperatorAlarm, Sender, SenderOutage
from messaging.outbox.routing import Routes
from messaging.providers.twilio import MESSAGE
from messaging.sandbox.control import SandboxControl
from messaging.states import State
from tests.messaging.engine import ANA, dispatched, granted_ids, queued, sms, standing

KYRGYZ, AMERICAN = ANA, "+12025550123"
ROUTINE = MessageClass.ROUTINE
pytestmark = pytest.mark.django_db


def sender(
    name: str, *, preference: int = 50, countries: tuple[str, ...] = (), classes: tuple[int, ...] = ()
) -> Sender:
    return Sender.objects.create(
        name=name,
        origin=name,
        preference=preference,
        countries=[*countries],
        classes=[*classes],
        segments_per_second=0,
        next_free_at=clock.now(),
    )


def chosen(
    address: str = KYRGYZ, *, kind: MessageClass = MessageClass.EMERGENCY, channel: Channel = Channel.SMS
) -> str | None:
    found = Routes.at(clock.now()).choose(channel=channel, address=address, message_class=kind)
    return found.name if found else None


def out(name: str, *, country: str = "", for_s: float = 60) -> None:
    now = clock.now()
    SenderOutage.objects.create(
        sender=Sender.objects.get(name=name),
        country=country,
        error_code="21606",
        since=now,
        until=now + timedelta(seconds=for_s),
    )


def carriers(*messages: Message) -> list[str]:
    names = dict(Message.objects.values_list("id", "sender__name"))
    return [str(names[message.id]) for message in messages]


def test_the_preferred_sender_that_can_carry_it() -> None:
    sender("bishkek", countries=("+996",))
    sender("letters", preference=10, classes=(ROUTINE,))
    assert chosen(KYRGYZ) == "bishkek"
    assert chosen(AMERICAN) == "default"
    assert chosen(AMERICAN, kind=ROUTINE) == chosen(KYRGYZ, kind=ROUTINE) == "letters"


def test_no_sender_of_the_channel() -> None:
    Sender.objects.filter(channel=Channel.VOICE).delete()
    assert chosen(channel=Channel.VOICE) is None


def test_an_inactive_sender_carries_nothing() -> None:
    sender("bishkek")
    Sender.objects.filter(name="bishkek").update(is_active=False)
    assert chosen() == "default"
    Sender.objects.update(is_active=False)
    assert chosen() is None


def test_a_message_that_no_sender_can_carry_fails_and_the_operator_is_alarmed() -> None:
    Sender.objects.update(countries=["+1"])
    [message] = queued(sms())
    assert (message.state, message.error_code, message.sender) == (State.FAILED, "no_sender", None)
    assert OperatorAlarm.objects.get().code == "no_sender"


@pytest.mark.parametrize(("country", "kyrgyz", "american"), [("", "default", "default"), ("+996", "default", "mine")])
def test_a_sender_with_an_outage_is_skipped_in_that_country(country: str, kyrgyz: str, american: str) -> None:
    sender("mine")
    out("mine", country=country)
    assert (chosen(KYRGYZ), chosen(AMERICAN)) == (kyrgyz, american)


def test_the_preferred_sender_is_tried_when_all_are_out_and_returns_after_its_outage() -> None:
    sender("mine")
    out("default")
    out("mine")
    assert chosen() == "mine"
    SenderOutage.objects.filter(sender__name="mine").update(until=clock.now())
    assert chosen() == "mine"


@pytest.mark.parametrize(("code", "country"), [(21606, ""), (20003, ""), (21408, "+996"), (21612, "+996")])
def test_a_configuration_error_opens_the_circuit_and_the_next_sender_takes_over(
    code: int, country: str, courier: Courier, phones: SandboxControl
) -> None:
    mine = sender("mine")
    phones.behave(error_code=code, times=1)
    [message] = queued(sms())
    assert message.sender == mine
    deliver_all(courier)
    message.refresh_from_db()
    assert message.sender is not None
    assert (message.state, message.sender.name) == (State.QUEUED, "default")
    outage = SenderOutage.objects.get()
    assert (outage.sender, outage.country, outage.error_code) == (mine, country, str(code))
    assert OperatorAlarm.objects.get().code == "provider_configuration"
    deliver_all(courier)
    message.refresh_from_db()
    assert message.state == State.ACCEPTED
    assert [attempt.sender.name for attempt in Attempt.objects.order_by("number")] == ["mine", "default"]
    assert len(phones.messages(ANA)) == 1


def deliver_all(courier: Courier) -> None:
    courier.deliver(granted_ids())
    assert courier.drain(15)


def test_an_error_about_the_message_alone_leaves_the_sender_in(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(error_code=21617, times=1)
    courier.deliver(dispatched())
    assert courier.drain(15)
    assert not SenderOutage.objects.exists()


def test_each_failure_when_its_time_is_over_doubles_it_and_a_success_closes_it(
    courier: Courier, phones: SandboxControl
) -> None:
    phones.behave(error_code=21606, times=3)
    lasted = []
    for _ in range(3):
        courier.deliver(dispatched())
        assert courier.drain(15)
        outage = SenderOutage.objects.get()
        lasted.append(outage.until - max(outage.since, clock.now() - timedelta(seconds=5)))
        SenderOutage.objects.update(until=clock.now())
    assert [round(lasting / policy.OUTAGE) for lasting in lasted] == [1, 2, 4]
    courier.deliver(dispatched())
    assert courier.drain(15)
    assert not SenderOutage.objects.exists()


def test_long_after_its_last_failure_a_sender_is_out_for_a_short_while_again() -> None:
    trip(times=4)
    SenderOutage.objects.update(until=clock.now() - policy.LONGEST_OUTAGE - timedelta(seconds=1))
    trip()
    outage = SenderOutage.objects.get()
    assert outage.times == 1
    assert outage.until - outage.since == policy.OUTAGE


def trip(code: str = "21606", *, times: int = 1) -> None:
    """Let the default sender fail this many times, each time at the end of the outage before."""
    default = Sender.objects.get(name="default")
    for _ in range(times):
        SenderOutage.objects.filter(until__gt=clock.now()).update(until=clock.now())
        outages.trip(default.id, address=KYRGYZ, outcome=MESSAGE.judged(code), now=clock.now())


def test_a_success_of_an_earlier_call_does_not_end_the_outage(courier: Courier, phones: SandboxControl) -> None:
    phones.behave(latency_ms=300)
    courier.deliver(dispatched())
    trip()
    assert courier.drain(15)
    assert SenderOutage.objects.exists()
    courier.deliver(dispatched())
    assert courier.drain(15)
    assert not SenderOutage.objects.exists()


def test_a_carrier_may_refuse_a_message_that_the_provider_accepted(courier: Courier, phones: SandboxControl) -> None:
    trip("30034")
    courier.deliver(dispatched())
    assert courier.drain(15)
    assert len(phones.messages(ANA)) == 1
    assert SenderOutage.objects.exists()


def test_messages_waiting_at_a_sender_that_is_out_move_to_the_next_one() -> None:
    sender("mine")
    sender("letters", preference=60, classes=(ROUTINE,))
    kyrgyz, american, letter = queued(sms(), sms(to=AMERICAN), sms(to="+996700000009", kind=ROUTINE))
    assert carriers(kyrgyz, american, letter) == ["mine"] * 3
    out("mine", country="+996")
    assert outages.reroute() == 2
    assert carriers(kyrgyz, american, letter) == ["default", "mine", "letters"]
    assert outages.reroute() == 0


def test_messages_waiting_at_an_inactive_sender_move_too() -> None:
    sender("mine")
    [message] = queued(sms())
    Sender.objects.filter(name="mine").update(is_active=False)
    assert outages.reroute() == 1
    assert carriers(message) == ["default"]


def test_waiting_messages_stay_when_no_other_sender_can_carry_them() -> None:
    [message] = queued(sms())
    out("default")
    assert outages.reroute() == 0
    assert carriers(message) == ["default"]


def test_only_urgent_messages_try_a_sender_that_is_out() -> None:
    routine = standing(State.QUEUED, kind=ROUTINE)
    urgent = standing(State.QUEUED)
    Sender.objects.update(segments_per_second=0)
    out("default")
    assert granted_ids() == [urgent.id]
    SenderOutage.objects.all().delete()
    assert granted_ids() == [routine.id]
