from django.contrib import admin

from alerts.models import Notification, SosAlert
from messaging.admin import ReadOnlyAdmin


@admin.register(SosAlert)
class SosAlertAdmin(ReadOnlyAdmin):
    list_display = fields = ("id", "status", "created_at", "updated_at", "ended_at")
    list_filter = ("status",)
    search_fields = ("=id",)
    ordering = ("-id",)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
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
