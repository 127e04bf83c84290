"""The default policy: who is called when, if nobody answers an alert.

Every contact gets the SOS by SMS at once, whatever the policy. Calls begin 60 seconds later, in waves of 3 contacts 45
seconds apart, so that the others are not bothered when somebody picks up. A second round begins with a second SMS, 165
seconds after the last wave began: 45 seconds of ringing and 120 seconds to answer. The operator is alarmed 165 seconds
after the last wave of the second round began. personal.py holds the waves that a person chose instead.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from alerts.models import StepKind

# Most people who read an SMS at all read it within a minute.
FIRST_CALL_AFTER = timedelta(seconds=60)
# Contacts of one wave, and its length: a call rings for half a minute.
WAVE = 3
WAVE_LASTS = timedelta(seconds=45)
ROUNDS = 2
# A contact who missed a call has this time to call back or open the link before the next round.
BETWEEN_ROUNDS = timedelta(seconds=120)
# The longest way to somebody in danger. An alert that was acknowledged earlier than this and never ended gives way to
# the owner's next press.
AWAITED_FOR = timedelta(hours=1)
# A contact whom no wave calls has a call due in 100 years. Only an SMS that does not arrive brings it forward.
ONLY_IF_HASTENED = timedelta(days=36_500)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Contacts to call or text at the same moment, if nobody has answered by then.

    `after`: time since the wave before, or since the alert for the first wave. Empty `contacts` means all contacts.
    """

    kind: StepKind
    after: timedelta
    contacts: tuple[UUID, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The waves after the first SMS, and the time from the beginning of the last wave until the alert is exhausted."""

    waves: tuple[Wave, ...]
    give_up_after: timedelta


@dataclass(frozen=True, slots=True)
class Planned:
    """One step for a contact. `contact` is the contact's index in the list given to `planned`, `round` the number of
    earlier calls (or texts) to this contact, and `after` the time since the alert was raised.
    """

    kind: StepKind
    contact: int
    round: int
    after: timedelta


def default(contacts: Sequence[UUID]) -> Policy:
    """Return the policy that calls all these contacts in waves, ROUNDS times, with a reminder SMS before each round but
    the first. Without contacts the alert is exhausted after FIRST_CALL_AFTER.
    """
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


def planned(policy: Policy, contacts: Sequence[UUID]) -> tuple[list[Planned], timedelta]:
    """Return the steps for these contacts, and the time from the alert's raising until the alert is exhausted.

    The last wave also takes contacts whom no wave names, for example contacts added since the policy was written. Every
    contact gets a call step. A contact whom no wave calls has it at ONLY_IF_HASTENED: it is made only if the contact's
    SMS does not arrive (`steps.hasten`).
    """
    if not contacts or not policy.waves:
        return [], FIRST_CALL_AFTER if not contacts else policy.give_up_after
    steps: list[Planned] = []
    # Round 0 of the SMS is the first SMS itself.
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


def weakens(before: Policy, after: Policy, contacts: Sequence[UUID]) -> bool:
    """Whether the policy `after` calls or texts one of these contacts later or less often than the policy `before`, or
    makes the alert exhausted (which alarms the operator) later.
    """
    (old, old_end), (new, new_end) = planned(before, contacts), planned(after, contacts)
    times = {(step.kind, step.contact, step.round): step.after for step in new}
    return new_end > old_end or any(
        times.get((step.kind, step.contact, step.round), timedelta.max) > step.after for step in old
    )
