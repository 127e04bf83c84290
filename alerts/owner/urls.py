from django.urls import path

from alerts.owner import views

urlpatterns = [
    path("sos-alerts/<uuid:alert_id>/timeline/", views.TimelineView.as_view(), name="sos-alert-timeline"),
]
