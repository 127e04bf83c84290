from django.urls import path

from alerts.views import alerts

urlpatterns = [
    path("sos-alerts/", alerts.AlertsView.as_view(), name="sos-alerts"),
    path("sos-alerts/<uuid:alert_id>/", alerts.AlertView.as_view(), name="sos-alert"),
    path("sos-alerts/<uuid:alert_id>/cancel/", alerts.CancelView.as_view(), name="sos-alert-cancel"),
    path("sos-alerts/<uuid:alert_id>/resolve/", alerts.ResolveView.as_view(), name="sos-alert-resolve"),
]
