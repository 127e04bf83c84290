"""The API of every room; the contacts' pages have their own (alerts/page/urls.py)."""

from django.urls import include, path

_ROOMS = ("sos", "escalation", "evidence", "positions", "owner", "timers", "exports")

urlpatterns = [path("", include(f"alerts.{room}.urls")) for room in _ROOMS]
