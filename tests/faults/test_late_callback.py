"""The callback of the first attempt comes when the second is about to be made, because no look-up answered."""

import pytest

from messaging.states import FINAL
from tests.world import World

# After this time an EMERGENCY of unknown outcome is sent again.
RESENT_AFTER_MS = 10_000


@pytest.mark.parametrize(
    ("callback_after_ms", "sms"),
    [
        (RESENT_AFTER_MS - 2_000, {1}),
        # At this very moment the second request may have been made already.
        *(
            pytest.param(RESENT_AFTER_MS + late_ms, {1, 2}, marks=pytest.mark.matrix)
            for late_ms in (-100, 0, 100, 200, 400)
        ),
    ],
)
def test_one_sms_where_it_can_be(world: World, callback_after_ms: int, sms: set[int]) -> None:
    aida = world.new_person("Aida")
    [bek] = aida.add_contacts("Bek")
    world.sandbox.behave(fail_lists=True)
    delays = [callback_after_ms, 300]
    world.sandbox.behave(to=bek.phone, times=1, status=500, created=True, callback_delay_ms=delays)

    assert aida.press_sos().status_code == 201

    world.wait_for_states([bek.phone], {"delivered": 1}, timeout_s=30)
    arrived = len(world.arrivals([bek.phone]))
    print(f"callback after {callback_after_ms / 1000} s: {arrived} SMS")
    assert arrived in sms
    story = world.rows(
        "SELECT e.state FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id"
        " WHERE m.address = %s ORDER BY e.id",
        bek.phone,
    )
    assert all(state not in FINAL for (state,) in story[:-1]), story
