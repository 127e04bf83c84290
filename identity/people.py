"""What people say about themselves."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import transaction

from identity.api import versions
from identity.models import User


def locked(person_id: UUID) -> User:
    """The person, locked: changes to them and to their contacts happen one at a time.

    The lock lets rows that refer to the person be inserted, so it never delays an SOS.
    """
    return User.objects.select_for_update(no_key=True).get(id=person_id)


def change_profile(*, person_id: UUID, changes: Mapping[str, str | None], if_match: Collection[str] | None) -> User:
    """Raises PreconditionFailed."""
    with transaction.atomic():
        user = locked(person_id)
        versions.require(user, if_match=if_match)
        for field, value in changes.items():
            setattr(user, field, value)
        user.save(update_fields=[*changes, "updated_at"])
    return user
