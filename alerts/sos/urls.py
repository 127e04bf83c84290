from django.urls import path

from alerts.sos import drill_views, views

urlpatterns = [
    path("sos-alerts/", views.AlertsView.as_view(), name="sos-alerts"),
    path("sos-alerts/false-alarms/", views.FalseAlarmsView.as_view(), name="sos-alerts-false-alarms"),
    path("sos-alerts/<uuid:alert_id>/", views.AlertView.as_view(), name="sos-alert"),
    path("sos-alerts/<uuid:alert_id>/cancel/", views.CancelView.as_view(), name="sos-alert-cancel"),
    path("sos-alerts/<uuid:alert_id>/resolve/", views.ResolveView.as_view(), name="sos-alert-resolve"),
    path(
        "sos-alerts/<uuid:alert_id>/drill-report/", drill_views.DrillReportView.as_view(), name="sos-alert-drill-report"
    ),
]
