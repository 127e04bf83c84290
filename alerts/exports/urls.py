from django.urls import path

from alerts.exports import views

urlpatterns = [
    path("sos-alerts/<uuid:alert_id>/export/", views.ExportView.as_view(), name="sos-alert-export"),
    path("export-key/", views.ExportKeyView.as_view(), name="export-key"),
]
