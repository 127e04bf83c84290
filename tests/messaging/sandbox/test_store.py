"""Retention: the newest messages stay, in every index."""

from messaging.sandbox.store import Message, Plan, Store


def add(store: Store, to: str, body: str = "x") -> Message:
    return store.add(
        to=to,
        sender="A",
        service_sid=None,
        body=body,
        segments=1,
        callback_url="",
        arrived_at=0.0,
        plan=Plan(),
    )


def test_the_oldest_leave_every_index() -> None:
    store = Store(kept_messages=3)
    first = add(store, "+1")
    kept = [add(store, to) for to in ("+2", "+2", "+3")]
    assert len(store) == 3
    assert store.get(first.sid) is None
    assert list(store.newest_first()) == kept[::-1]
    assert list(store.newest_first("+1")) == []
    assert [number for number, _ in store.phones()] == ["+3", "+2"]


def test_long_texts_push_out_more() -> None:
    store = Store(kept_characters=1000)
    for number in range(9):
        add(store, f"+{number}", "x" * 400)
    assert len(store) == 2


def test_the_phone_with_the_newest_message_comes_first() -> None:
    store = Store()
    for to in ("+1", "+2", "+1"):
        add(store, to)
    assert [number for number, _ in store.phones()] == ["+1", "+2"]


def test_reading_on_after_any_serial() -> None:
    store = Store(kept_messages=10)
    made = [add(store, "+1") for _ in range(15)]
    for after in range(20):
        found = [message.serial for message in store.after(after)]
        assert found == [message.serial for message in made[5:] if message.serial > after]


def test_a_reset_starts_another_epoch() -> None:
    store = Store()
    message, epoch = add(store, "+1"), store.epoch
    store.reset()
    assert store.epoch != epoch
    assert (len(store), store.get(message.sid), list(store.after(0))) == (0, None, [])
    assert add(store, "+1").serial > message.serial
