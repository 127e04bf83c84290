from django.urls import path

from geo.views import blueprints, exports, locations, zones

urlpatterns = [
    path("locations/", locations.LocationsView.as_view(), name="locations"),
    path("locations/batch/", locations.LocationBatchView.as_view(), name="locations-batch"),
    path("locations/latest/", locations.LatestLocationView.as_view(), name="locations-latest"),
    path("locations/gpx/", exports.GpxView.as_view(), name="locations-gpx"),
    path("locations/geojson/", exports.GeoJsonView.as_view(), name="locations-geojson"),
    path("geozones/", zones.ZonesView.as_view(), name="geozones"),
    path("geozones/events/", zones.AllEventsView.as_view(), name="geozones-events"),
    path("geozones/<uuid:zone_id>/", zones.ZoneView.as_view(), name="geozone"),
    path("geozones/<uuid:zone_id>/events/", zones.ZoneEventsView.as_view(), name="geozone-events"),
    path("blueprints/", blueprints.BlueprintsView.as_view(), name="blueprints"),
    path("blueprints/create-from-current/", blueprints.FromCurrentView.as_view(), name="blueprint-from-current"),
    path("blueprints/<uuid:blueprint_id>/", blueprints.BlueprintView.as_view(), name="blueprint"),
    path("blueprints/<uuid:blueprint_id>/apply/", blueprints.ApplyView.as_view(), name="blueprint-apply"),
]
