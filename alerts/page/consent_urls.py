"""URLs of the page on which a number says whether it wants to be a contact. Wrong URLs below /c/ get one response."""

from django.urls import path

from alerts.page import consent_views, linked

urlpatterns = [
    path("<str:token>", consent_views.consent_page, name="consent-page"),
    path("", linked.gone),
    path("<path:rest>", linked.gone),
]
