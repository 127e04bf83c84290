"""Changes the facts that people give about themselves: names, language, e-mail."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import transaction

from identity.api import versions
from identity.models import User


def locked(person_id: UUID) -> User:
    """Lock the person's row and return it: the person and the person's contacts then change one at a time.

    Other transactions may still insert rows that refer to the person, so the lock never delays an SOS.
    """
    return User.objects.select_for_update(no_key=True).get(id=person_id)


def change_profile(*, person_id: UUID, changes: Mapping[str, str | None], if_match: Collection[str] | None) -> User:
    """Change fields of the person and return the person.

    Raises PreconditionFailed if the client has an older version.
    """
    with transaction.atomic():
        person = locked(person_id)
        versions.require(person, if_match=if_match)
        for field, value in changes.items():
            setattr(person, field, value)
        person.save(update_fields=[*changes, "updated_at"])
    return person
