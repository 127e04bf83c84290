"""The URL of the signed-in person (`me/`), and the URLs of each room in _ROOMS."""

from django.urls import include, path

from identity import views

_ROOMS = ("verification", "sessions", "contacts", "devices")

urlpatterns = [
    path("me/", views.MeView.as_view()),
    *(path("", include(f"identity.{room}.urls")) for room in _ROOMS),
]
