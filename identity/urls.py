"""The URLs of the person themselves, and of every room."""

from django.urls import include, path

from identity import views

_ROOMS = ("verification", "sessions", "contacts", "devices")

urlpatterns = [
    path("me/", views.MeView.as_view()),
    *(path("", include(f"identity.{room}.urls")) for room in _ROOMS),
]
