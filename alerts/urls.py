"""The URLs of every room that has an API. The URLs of the contacts' pages are in alerts/page/urls.py."""

from django.urls import include, path

_ROOMS = ("sos", "escalation", "evidence", "positions", "owner", "timers", "exports")

urlpatterns = [path("", include(f"alerts.{room}.urls")) for room in _ROOMS]
