"""When the next contact is called: the plan of an alert that nobody answers.

Everyone gets an SMS at once. Calls begin a minute later, in waves of a few contacts, so that the first who picks up
still finds the others unbothered; then a second round, with a second SMS; then the operator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from alerts.models import StepKind

# A text is read within a minute by most who will read it at all.
FIRST_CALL_AFTER = timedelta(seconds=60)
# Contacts called at once, and how long a wave has: a call rings for half a minute.
WAVE = 3
WAVE_LASTS = timedelta(seconds=45)
ROUNDS = 2
# Somebody who missed a call has time to call back or open the link before everyone is called again.
BETWEEN_ROUNDS = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Planned:
    """One step: what, for which contact (its place in the person's order), how long after the alert was raised."""

    kind: StepKind
    contact: int
    round: int
    after: timedelta


def plan(contacts: int) -> tuple[list[Planned], timedelta]:
    """The steps for so many contacts, in order, and when to give up."""
    if not contacts:
        return [], FIRST_CALL_AFTER
    steps: list[Planned] = []
    begin = FIRST_CALL_AFTER
    for number in range(ROUNDS):
        if number:
            steps += [Planned(StepKind.SMS, contact, number, begin) for contact in range(contacts)]
        steps += _calls(contacts, number, begin)
        begin += WAVE_LASTS * -(-contacts // WAVE) + BETWEEN_ROUNDS
    return steps, begin


def _calls(contacts: int, number: int, begin: timedelta) -> Iterator[Planned]:
    for contact in range(contacts):
        yield Planned(StepKind.CALL, contact, number, begin + WAVE_LASTS * (contact // WAVE))
