"""A person's own escalation policy. It is stored as the client sent it; plan.py reads it when an alert is raised."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NotRequired, TypedDict
from uuid import UUID

from django.db import transaction

from alerts.escalation.policy import Policy, Wave, default, weakens
from alerts.models import EscalationPolicy, KeptPolicy, StepKind
from identity import people
from identity.api import versions
from identity.contacts import contacts
from identity.errors import InvalidField
from identity.pins.pins import Proof
from identity.pins.protection import require
from messaging.models import Channel

# The longest a person in danger waits for the next wave; the earliest and latest alarm of the operator.
LONGEST_WAIT = timedelta(minutes=10)
SOONEST_GIVE_UP, LATEST_GIVE_UP = timedelta(seconds=30), timedelta(minutes=30)
MAX_WAVES = 30
# Calls and texts to one contact, by channel. People switch a phone off that rings more often.
MAX_TIMES_PER_CONTACT = 4

_KINDS = {Channel.VOICE: StepKind.CALL, Channel.SMS: StepKind.SMS}
_CHANNELS = {kind: channel for channel, kind in _KINDS.items()}


class WaveBody(TypedDict):
    channel: str
    wait_s: int
    contacts: Sequence[str | UUID]


class PolicyBody(TypedDict):
    """A person's escalation policy as JSON: the body of a PUT and of the response."""

    waves: list[WaveBody]
    give_up_after_s: int
    is_default: NotRequired[bool]


def policies_of(contact_ids: Mapping[UUID, Sequence[UUID]], *, is_silent: bool = False) -> dict[UUID, Policy]:
    """Return the escalation policy of each person, the person's own or the default, by person id. Takes one query.

    `contact_ids` are the contacts of each person, in order: the default policy makes its waves of them. With
    `is_silent` a KeptPolicy comes before the person's own policy, which takes another query.
    """
    own: dict[UUID, EscalationPolicy | KeptPolicy] = {
        policy.owner_id: policy for policy in EscalationPolicy.objects.filter(owner__in=contact_ids)
    }
    if is_silent:
        own |= {policy.owner_id: policy for policy in KeptPolicy.objects.filter(owner__in=contact_ids)}
    return {
        person: _policy(own[person]) if person in own and own[person].waves is not None else default(ids)
        for person, ids in contact_ids.items()
    }


def _policy(own: EscalationPolicy | KeptPolicy) -> Policy:
    waves = tuple(_wave(body) for body in own.waves or ())
    return Policy(waves=waves, give_up_after=timedelta(seconds=own.give_up_after_s))


def shown(person_id: UUID) -> PolicyBody:
    """The escalation policy that the person's devices show: the person's own or, without one, the default."""
    contact_ids = list(contacts.to_tell(person_id).values_list("id", flat=True))
    policy = policies_of({person_id: contact_ids})[person_id]
    return PolicyBody(
        is_default=not EscalationPolicy.objects.filter(owner_id=person_id).exists(),
        waves=[_body(wave) for wave in policy.waves],
        give_up_after_s=_seconds(policy.give_up_after),
    )


def etag(body: PolicyBody) -> str:
    """The version of this policy, for the headers ETag and If-Match."""
    return versions.etag([repr(sorted(body.items()))])


@transaction.atomic
def put(
    *, person_id: UUID, wanted: PolicyBody, if_match: Collection[str] | None, proof: Proof, now: datetime
) -> PolicyBody:
    """Store the person's own policy and return it as stored.

    If it weakens the present policy (`policy.weakens`), PinRequired is raised if PINs are set and none was typed, and
    the duress PIN keeps the present policy for silent alerts. Raises PreconditionFailed if the client has an older
    version of the policy, and InvalidField for wrong contacts.
    """
    _lock(person_id, if_match=if_match)
    own = [contact.id for contact in contacts.to_tell(person_id)]
    _check(wanted["waves"], own=set(own))
    _prove(person_id, _policy(EscalationPolicy(**wanted)), own, proof=proof)
    waves = [{**wave, "contacts": [str(contact) for contact in wave["contacts"]]} for wave in wanted["waves"]]
    EscalationPolicy.objects.update_or_create(
        owner_id=person_id,
        defaults={"waves": waves, "give_up_after_s": wanted["give_up_after_s"], "updated_at": now},
    )
    return shown(person_id)


@transaction.atomic
def remove(*, person_id: UUID, if_match: Collection[str] | None, proof: Proof) -> None:
    """Delete the person's own policy, if there is one: the person has the default policy again.

    Raises PreconditionFailed for an older version. If the default weakens the present policy, `proof` counts as it does
    in `put`, which may raise PinRequired.
    """
    _lock(person_id, if_match=if_match)
    own = [contact.id for contact in contacts.to_tell(person_id)]
    _prove(person_id, default(own), own, proof=proof)
    EscalationPolicy.objects.filter(owner_id=person_id).delete()


def _prove(person_id: UUID, after: Policy, own: Sequence[UUID], *, proof: Proof) -> None:
    """Raise PinRequired if the policy `after` weakens the present one and no PIN was typed, though PINs are set.

    If it was the duress PIN, store the present policy as KeptPolicy for silent alerts, unless there is one already.
    """
    present = policies_of({person_id: own})[person_id]
    if not weakens(present, after, own):
        return
    require(proof)
    if proof is Proof.DURESS:
        stored = EscalationPolicy.objects.filter(owner_id=person_id).first()
        held = {"waves": stored.waves if stored else None, "give_up_after_s": _seconds(present.give_up_after)}
        KeptPolicy.objects.get_or_create(owner_id=person_id, defaults=held)


def _lock(person_id: UUID, *, if_match: Collection[str] | None) -> None:
    people.locked(person_id)
    versions.require_etag(etag(shown(person_id)), if_match=if_match)


def _check(waves: Sequence[WaveBody], *, own: set[UUID]) -> None:
    named = [contact for wave in waves for contact in wave["contacts"]]
    if set(named) - own:
        raise _refused("These are not all your contacts.", code="not_your_contact")
    if any(len(set(wave["contacts"])) < len(wave["contacts"]) for wave in waves):
        raise _refused("A wave names a contact twice.", code="duplicate")
    for channel in _KINDS:
        of_channel = [wave["contacts"] for wave in waves if wave["channel"] == channel]
        everyone = of_channel.count([])
        times = [everyone + sum(contact in wave for wave in of_channel) for contact in named]
        if max([everyone, *times]) > MAX_TIMES_PER_CONTACT:
            raise _refused("A contact is called or texted too often.", code="too_often")


def _wave(body: WaveBody) -> Wave:
    return Wave(
        kind=_KINDS[Channel(body["channel"])],
        after=timedelta(seconds=body["wait_s"]),
        contacts=tuple(UUID(str(contact)) for contact in body["contacts"]),
    )


def _body(wave: Wave) -> WaveBody:
    contact_ids = [str(contact) for contact in wave.contacts]
    return WaveBody(channel=str(_CHANNELS[wave.kind]), wait_s=_seconds(wave.after), contacts=contact_ids)


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())


def _refused(message: str, *, code: str) -> InvalidField:
    return InvalidField("waves", message, code=code)
