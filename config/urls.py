from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from config import document, health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("a/", include("alerts.page.urls")),
    path("c/", include("alerts.page.consent_urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", document.schema, name="schema"),
    path("api/docs/", TemplateView.as_view(template_name="config/docs.html"), name="docs"),
    path("api/v1/", include("identity.urls")),
    path("api/v1/", include("alerts.urls")),
    path("api/v1/", include("geo.urls")),
    path("api/v1/", include("messaging.webhooks.urls")),
]
handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
