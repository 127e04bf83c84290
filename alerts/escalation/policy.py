"""When the next contact is called: the plan of an alert that nobody answers.

Everyone gets the SOS by SMS at once, whatever the plan. By default calls begin a minute later, in waves of a few
contacts, so that the first who picks up still finds the others unbothered; then a second round, with a second SMS; then
the operator. A person may choose waves of their own (alerts/escalation/personal.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from alerts.models import StepKind

# A text is read within a minute by most who will read it at all.
FIRST_CALL_AFTER = timedelta(seconds=60)
# Contacts called at once, and how long a wave has: a call rings for half a minute.
WAVE = 3
WAVE_LASTS = timedelta(seconds=45)
ROUNDS = 2
# Somebody who missed a call has time to call back or open the link before everyone is called again.
BETWEEN_ROUNDS = timedelta(seconds=120)
# How long whoever is on the way is waited for: the longest way to somebody in danger. An alert that was acknowledged
# earlier and never ended stands in the way of no later one.
AWAITED_FOR = timedelta(hours=1)
# The call of a contact whom no wave calls: due on no day of this alert, unless it is brought forward because their SMS
# did not arrive.
ONLY_IF_HASTENED = timedelta(days=36_500)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Contacts who are called, or texted, `after` so long without an answer to the wave before; none: everyone."""

    kind: StepKind
    after: timedelta
    contacts: tuple[UUID, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The waves after the first SMS, and how long after the last the alert is exhausted."""

    waves: tuple[Wave, ...]
    give_up_after: timedelta


@dataclass(frozen=True, slots=True)
class Planned:
    """One step: what, for which contact (its place in the person's order), how long after the alert was raised."""

    kind: StepKind
    contact: int
    round: int
    after: timedelta


def default(contacts: Sequence[UUID]) -> Policy:
    """Calls to everyone in waves, ROUNDS times, each further round with an SMS."""
    if not contacts:
        return Policy(waves=(), give_up_after=FIRST_CALL_AFTER)
    groups = [tuple(contacts[start : start + WAVE]) for start in range(0, len(contacts), WAVE)]
    calls = [Wave(kind=StepKind.CALL, after=WAVE_LASTS, contacts=group) for group in groups]
    first, *rest = calls
    waves = [Wave(kind=StepKind.CALL, after=FIRST_CALL_AFTER, contacts=first.contacts), *rest]
    for _ in range(ROUNDS - 1):
        waves.append(Wave(kind=StepKind.SMS, after=WAVE_LASTS + BETWEEN_ROUNDS))
        waves.append(Wave(kind=StepKind.CALL, after=timedelta(), contacts=first.contacts))
        waves += rest
    return Policy(waves=tuple(waves), give_up_after=WAVE_LASTS + BETWEEN_ROUNDS)


def plan(policy: Policy, contacts: Sequence[UUID]) -> tuple[list[Planned], timedelta]:
    """The steps for the contacts who were told, in order, and when to give up.

    Whoever no wave names, as a contact who was added since, is called with the last. Every contact has a call, be it
    one that only the fate of their SMS makes due.
    """
    if not contacts or not policy.waves:
        return [], FIRST_CALL_AFTER if not contacts else policy.give_up_after
    steps: list[Planned] = []
    # The first SMS is one's zeroth.
    rounds = Counter({(StepKind.SMS, place): 1 for place in range(len(contacts))})
    after = timedelta()
    for wave in _with_everyone(policy.waves, contacts):
        after += wave.after
        for place, contact in enumerate(contacts):
            if not wave.contacts or contact in wave.contacts:
                steps.append(Planned(wave.kind, place, rounds[wave.kind, place], after))
                rounds[wave.kind, place] += 1
    uncalled = [place for place in range(len(contacts)) if not rounds[StepKind.CALL, place]]
    steps += [Planned(StepKind.CALL, place, 0, ONLY_IF_HASTENED) for place in uncalled]
    return steps, after + policy.give_up_after


def _with_everyone(waves: Sequence[Wave], contacts: Sequence[UUID]) -> list[Wave]:
    *others, last = waves
    named = {contact for wave in waves for contact in wave.contacts or contacts}
    unnamed = tuple(contact for contact in contacts if contact not in named)
    joined = last.contacts + unnamed if last.contacts else ()
    return [*others, Wave(kind=last.kind, after=last.after, contacts=joined)]
