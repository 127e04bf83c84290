from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from alerts.contacts import links
from alerts.evidence import retention
from alerts.models import ActivityTimer, ContactLink, Evidence, Notification, SosAlert
from alerts.sos import false_alarms
from messaging.admin import ReadOnlyAdmin
from messaging.database import clock


@admin.register(SosAlert)
class SosAlertAdmin(ReadOnlyAdmin):
    list_display = fields = (
        "id",
        "status",
        "created_at",
        "updated_at",
        "ended_at",
        "duress_at",
        "is_silent",
        "owner_id",
        "false_alarms",
    )
    list_filter = ("status",)
    search_fields = ("=id", "=owner__id")
    ordering = ("-id",)
    actions = ("hold", "release")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SosAlert]:
        alerts: QuerySet[SosAlert] = super().get_queryset(request)
        return alerts.annotate(false_alarms=false_alarms.of_owner())

    @admin.display(description="false alarms of its owner")
    def false_alarms(self, alert: SosAlert) -> int:
        return int(alert.false_alarms)  # type: ignore[attr-defined]  # an annotation of the query

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(("alerts.add_legalhold", "alerts.delete_legalhold"))

    @admin.action(description="Legal hold: erase no evidence of the alert", permissions=["operate"])
    def hold(self, request: HttpRequest, chosen: QuerySet[SosAlert]) -> None:
        held = sum(retention.hold(alert_id=alert.id, by_id=request.user.pk, now=clock.now()) for alert in chosen)
        messages.info(request, f"Alerts newly under legal hold: {held}.")

    @admin.action(description="Lift the legal hold", permissions=["operate"])
    def release(self, request: HttpRequest, chosen: QuerySet[SosAlert]) -> None:
        released = sum(retention.release(alert_id=alert.id, now=clock.now()) for alert in chosen)
        messages.info(request, f"Legal holds lifted: {released}.")


@admin.register(ActivityTimer)
class ActivityTimerAdmin(ReadOnlyAdmin):
    """Shows when each timer ends and how it ended, but not its note and place: only owner and contacts read those."""

    list_display = fields = (
        *("id", "owner_id", "status", "period_s", "grace_s", "extensions"),
        *("created_at", "ends_at", "due_at", "nudge_at", "ended_at", "alert_id", "kept_of"),
    )
    list_filter = ("status",)
    search_fields = ("=id", "=owner__id", "=alert__id")
    ordering = ("-id",)


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """Lists evidence and never shows a file: the files are for the owner and the owner's contacts."""

    list_display = fields = ("id", "alert_id", "kind", "media_type", "size", "sha256", "added_at", "erased_at", "held")
    list_filter = ("kind",)
    list_select_related = ("alert__legal_hold",)
    search_fields = ("=id", "=alert__id", "=sha256")
    ordering = ("-id",)

    @admin.display(boolean=True)
    def held(self, evidence: Evidence) -> bool:
        return hasattr(evidence.alert, "legal_hold")


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


@admin.register(ContactLink)
class ContactLinkAdmin(ReadOnlyAdmin):
    list_display = fields = ("id", "alert_id", "contact_id", "generation", "created_at", "expires_at", "revoked_at")
    search_fields = ("=alert__id", "=contact_id")
    ordering = ("-id",)
    actions = ("revoke",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("alerts.change_contactlink")

    @admin.action(description="Revoke: the link no longer opens anything", permissions=["operate"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ContactLink]) -> None:
        revoked = links.revoke(list(chosen.values_list("id", flat=True)), now=clock.now())
        messages.info(request, f"Links revoked: {revoked}.")
