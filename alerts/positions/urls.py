from django.urls import path

from alerts.positions import views

urlpatterns = [
    path("sos-alerts/<uuid:alert_id>/locations/", views.LocationsView.as_view(), name="sos-alert-locations"),
    path(
        "sos-alerts/<uuid:alert_id>/locations/batch/",
        views.LocationBatchView.as_view(),
        name="sos-alert-locations-batch",
    ),
]
