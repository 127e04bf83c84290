from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from messaging.models import Message, OperatorAlarm, Sender

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # Generic to the type checker only.


class ReadOnlyAdmin(_ModelAdmin):
    """The operator sees what happened and changes nothing; who and where is nobody's business."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OperatorAlarm)
class OperatorAlarmAdmin(ReadOnlyAdmin):
    list_display = fields = ("code", "detail", "times", "raised_at", "mailed_at")
    list_filter = ("code",)
    ordering = ("-id",)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = fields = (
        "id",
        "channel",
        "message_class",
        "state",
        "error_code",
        "attempts",
        "queued_at",
        "final_at",
    )
    list_filter = ("state", "channel", "message_class")
    search_fields = ("=id",)
    ordering = ("-id",)


@admin.register(Sender)
class SenderAdmin(ReadOnlyAdmin):
    list_display = fields = ("name", "origin", "messaging_service_sid", "segments_per_second", "next_free_at")
