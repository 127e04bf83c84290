"""URLs of the page on which a number says whether it wants to be a contact. Wrong URLs below /c/ get one response."""

from django.urls import path, re_path

from alerts.page import consent_views, linked

urlpatterns = [
    # Phones take the marks after a link in a text for a part of it.
    re_path(r"^(?P<token>[A-Za-z0-9_-]+)[^A-Za-z0-9_-]+$", consent_views.consent_page),
    path("<str:token>", consent_views.consent_page, name="consent-page"),
    path("", linked.gone),
    path("<path:rest>", linked.gone),
]
