from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin  # Its import registers Group, which is registered anew below.
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from identity.models import CodeCount, Device, EmergencyContact, Pin, Session, User
from identity.sessions import open_sessions
from identity.staff import factors
from messaging.admin import ReadOnlyAdmin
from messaging.database import clock

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # Generic to the type checker only.

_RIGHTS = ("is_staff", "is_superuser", "groups")


@admin.register(User)
class UserAdmin(_ModelAdmin):
    """Finds and deactivates people, ends their sessions and gives them rights.

    Registration and `createsuperuser` make new people. Only superusers give rights or change operators. Nobody
    changes their own row, but an operator may end their own sessions.
    """

    list_display = ("id", "phone_number", "language", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "language")
    # Finds a person by the whole phone number only, so that nobody browses by parts of numbers.
    search_fields = ("=phone_number",)
    fields = (
        "id",
        "phone_number",
        "language",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "last_login",
        "date_joined",
    )
    readonly_fields = ("id", "phone_number", "language", "last_login", "date_joined")
    ordering = ("-id",)
    actions = ("end_sessions", "end_sessions_and_credentials")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.readonly_fields if _is_superuser(request) else (*self.readonly_fields, *_RIGHTS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_below(obj, request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_below(obj, request)

    def has_end_sessions_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_session")

    @admin.action(description="Sign out everywhere; SOS buttons go on working", permissions=["end_sessions"])
    def end_sessions(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        self._end(request, chosen, with_credentials=False)

    @admin.action(description="Sign out everywhere and revoke all SOS credentials", permissions=["end_sessions"])
    def end_sessions_and_credentials(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        self._end(request, chosen, with_credentials=True)

    def _end(self, request: HttpRequest, chosen: QuerySet[User], *, with_credentials: bool) -> None:
        now, ended = clock.now(), 0
        people = [person for person in chosen if _is_below(person, request) or person.pk == request.user.pk]
        for person in people:
            ended += open_sessions.end_by_operator(
                person_id=person.id, operator_id=cast(UUID, request.user.pk), with_credentials=with_credentials, now=now
            )
            factors.end_sessions(person.id, now=now)
            self.log_change(
                request, person, "Sessions ended, SOS credentials " + ("too." if with_credentials else "kept.")
            )
        messages.info(request, f"Sessions ended: {ended}, of {len(people)} of {len(chosen)} people.")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _is_below(person: User | None, request: HttpRequest) -> bool:
    """Whether the operator of the request may change this person. True if Django asks about no person (None).

    No operator may change themselves, and only a superuser may change operators.
    """
    if person is None:
        return True
    return person.pk != request.user.pk and (_is_superuser(request) or not (person.is_staff or person.is_superuser))


admin.site.unregister(Group)


@admin.register(Group)
class RightsAdmin(GroupAdmin):
    """Groups of rights. Only superusers add, change and delete groups, because a group gives rights."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)


@admin.register(CodeCount)
class CodeCountAdmin(ReadOnlyAdmin):
    list_display = ("day", "country", "sent", "verified", "alarmed_at")
    list_filter = ("country",)
    ordering = ("-day", "country")


@admin.register(EmergencyContact)
class EmergencyContactAdmin(ReadOnlyAdmin):
    """Emergency contacts, read-only: their person changes them through the API."""

    list_display = ("id", "user", "language", "order", "created_at")
    search_fields = ("=id", "=user__id")
    fields: ClassVar[Any] = ("id", "user", "language", "order", "created_at", "updated_at")
    readonly_fields = fields
    ordering = ("-id",)


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = fields = ("id", "user_id", "platform", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("platform",)
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    list_display = fields = ("id", "user_id", "platform", "created_at", "last_used_at", "revoked_at")
    list_filter = ("platform",)
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)


@admin.register(Pin)
class PinAdmin(ReadOnlyAdmin):
    """Shows until when wrong PINs count against each person (`tries_forgotten_at`).

    A time several hours ahead shows that somebody is guessing PINs.
    """

    list_display = fields = ("user_id", "tries_forgotten_at", "set_at")
    search_fields = ("=user__id",)
    ordering = ("-set_at",)
