"""From the POST to the last contact's SMS accepted by the provider, which takes 500 ms for each."""

import statistics
import time

from tests.world import World

LATENCY_MS = 500
RUNS = 7


def measure(world: World, *, runs: int = RUNS) -> dict[str, object]:
    """Milliseconds from before the POST until the last acceptance is recorded, and over the provider's own time."""
    found: dict[str, object] = {}
    for contacts in (5, 50):
        last = [_press(world, contacts) for _ in range(runs)]
        median = statistics.median(last)
        found[f"last of {contacts} SMS, provider at {LATENCY_MS} ms: median ms"] = round(median)
        found[f"last of {contacts} SMS, provider at {LATENCY_MS} ms: worst of {runs} ms"] = round(max(last))
        found[f"last of {contacts} SMS, times the provider's own latency"] = round(median / LATENCY_MS, 3)
    return found


def _press(world: World, contacts: int) -> float:
    world.settle()
    world.pace(0)
    aida = world.new_person("Aida")
    phones = [c.phone for c in aida.add_contacts(*(f"Contact {n}" for n in range(contacts)))]
    world.sandbox.behave(latency_ms=LATENCY_MS, callbacks=False)
    pressed = time.time()
    aida.press_sos().raise_for_status()
    world.wait_for_states(phones, {"accepted": contacts}, timeout_s=30)
    [(last,)] = world.rows("SELECT max(accepted_at) FROM messaging_message WHERE address = ANY(%s)", phones)
    return float(last.timestamp() - pressed) * 1000
