from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from alerts.models import Notification, SosAlert

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # Generic to the type checker only.


class _ReadOnlyAdmin(_ModelAdmin):
    """The operator sees what happened and changes nothing; who and where is nobody's business."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SosAlert)
class SosAlertAdmin(_ReadOnlyAdmin):
    list_display = fields = ("id", "status", "created_at", "updated_at", "ended_at")
    list_filter = ("status",)
    search_fields = ("=id",)
    ordering = ("-id",)


@admin.register(Notification)
class NotificationAdmin(_ReadOnlyAdmin):
    list_display = fields = ("id", "alert_id", "kind", "language", "message_id", "state", "error_code", "attempts")
    list_filter = ("kind", "message__state")
    list_select_related = ("message",)
    search_fields = ("=alert__id",)
    ordering = ("-id",)

    @admin.display(ordering="message__state")
    def state(self, notification: Notification) -> str:
        return notification.message.state

    @admin.display(ordering="message__error_code")
    def error_code(self, notification: Notification) -> str:
        return notification.message.error_code

    @admin.display
    def attempts(self, notification: Notification) -> int:
        return notification.message.attempts
