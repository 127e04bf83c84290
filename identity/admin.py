from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from identity.models import CodeCount, Device, EmergencyContact, Pin, User
from messaging.admin import ReadOnlyAdmin

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # Generic to the type checker only.


@admin.register(User)
class UserAdmin(_ModelAdmin):
    """Finds and deactivates people, and gives them rights. Registration and `createsuperuser` make new people."""

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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(CodeCount)
class CodeCountAdmin(ReadOnlyAdmin):
    list_display = ("day", "country", "sent", "verified", "alarmed_at")
    list_filter = ("country",)
    ordering = ("-day", "country")


@admin.register(EmergencyContact)
class EmergencyContactAdmin(ReadOnlyAdmin):
    """Emergency contacts. Only the person may change them."""

    list_display = ("id", "user", "language", "order", "created_at")
    search_fields = ("=id", "=user__id")
    fields: ClassVar[Any] = ("id", "user", "language", "order", "created_at", "updated_at")
    readonly_fields = fields
    ordering = ("-id",)


@admin.register(Device)
class DeviceAdmin(ReadOnlyAdmin):
    list_display = fields = ("id", "user_id", "platform", "created_at", "last_used_at", "revoked_at")
    list_filter = ("platform",)
    search_fields = ("=id", "=user__id")
    ordering = ("-id",)


@admin.register(Pin)
class PinAdmin(ReadOnlyAdmin):
    """Wrong tries and locks of PINs. Many of them show that somebody is guessing."""

    list_display = fields = ("user_id", "wrong_tries", "locked_until", "set_at")
    search_fields = ("=user__id",)
    ordering = ("-set_at",)
