from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from config import deadletters
from config.models import DeadLetter
from messaging.admin import ReadOnlyAdmin
from messaging.database import clock


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = fields = (
        *("id", "queue", "actor", "arguments", "reason", "times", "first_at", "last_at"),
        *("replay_asked_at", "replayed_at"),
    )
    list_filter = ("queue", "reason")
    ordering = ("-last_at",)
    actions = ("replay", "purge")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("config.change_deadletter")

    @admin.action(description="Replay: publish once more", permissions=["operate"])
    def replay(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> None:
        asked = deadletters.ask_replay(list(chosen.values_list("id", flat=True)), now=clock.now())
        messages.info(request, f"{asked} will be published within a second; the rest cannot be.")

    @admin.action(description="Purge: forget", permissions=["operate"])
    def purge(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> None:
        chosen.delete()
