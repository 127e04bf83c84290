from django.urls import path

from geo.views import locations

urlpatterns = [
    path("locations/", locations.LocationsView.as_view(), name="locations"),
    path("locations/batch/", locations.LocationBatchView.as_view(), name="locations-batch"),
    path("locations/latest/", locations.LatestLocationView.as_view(), name="locations-latest"),
]
