from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import F, Value
from django.db.models.functions import Least
from django.http import HttpRequest

from messaging import policy
from messaging.database import clock
from messaging.delivery import pacing
from messaging.models import DailyCount, Message, OperatorAlarm, Sender, SenderOutage

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # Generic to the type checker only.


class ReadOnlyAdmin(_ModelAdmin):
    """An admin page whose rows the operator may read and not change.

    A subclass must list no field with a name, phone number, text or position.
    """

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
class SenderAdmin(_ModelAdmin):
    """Senders (numbers or names that messages leave from) and their pace.

    An edit holds from the next granting of slots.
    """

    list_display = ("name", "channel", "origin", "preference", "is_active", "segments_per_second", "segments_per_day")
    exclude = ("next_free_at",)
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # Messages refer to their sender. Clear `is_active` to take a sender out.

    def save_model(self, request: HttpRequest, obj: Sender, form: Any, change: bool) -> None:
        if not change:
            obj.next_free_at = clock.now()
            super().save_model(request, obj, form, change)
        else:
            # Save only the edited fields: grants change next_free_at at the same time.
            fields = form.changed_data
            if "segments_per_second" in fields:
                # A slot far ahead, left by an old pace that was perhaps mistyped, must not delay the new pace.
                soon = clock.now() + max(pacing.interval(obj.segments_per_second), policy.HORIZON)
                obj.next_free_at = Least(F("next_free_at"), Value(soon))
                fields = [*fields, "next_free_at"]
            obj.save(update_fields=fields)


@admin.register(SenderOutage)
class SenderOutageAdmin(ReadOnlyAdmin):
    list_display = fields = ("sender", "country", "error_code", "times", "since", "until")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # The operator has repaired the cause: without the row the sender works again at once.


@admin.register(DailyCount)
class DailyCountAdmin(ReadOnlyAdmin):
    list_display = fields = ("day", "sender", "message_class", "messages", "segments")
    list_filter = ("sender", "message_class")
    ordering = ("-day", "sender", "message_class")
