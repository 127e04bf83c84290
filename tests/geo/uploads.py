"""Fixes that a phone uploads."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from messaging.database import clock

BISHKEK = (42.8746, 74.5698)


def fix(at: datetime, latitude: float = BISHKEK[0], longitude: float = BISHKEK[1], **fields: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "recorded_at": at.isoformat(),
        "latitude": latitude,
        "longitude": longitude,
        "accuracy": 10,
    } | fields


def trail(count: int, *, every: timedelta = timedelta(seconds=10), until: datetime | None = None) -> list[Any]:
    """Fixes at one position, oldest first. The last one is now."""
    last = until or clock.now()
    return [fix(last - every * (count - 1 - number)) for number in range(count)]


def upload(phone: APIClient, fixes: list[Any], **fields: Any) -> Any:
    return phone.post("/api/v1/locations/batch/", {"locations": fixes} | fields, format="json")


def history(phone: APIClient, **query: Any) -> list[Any]:
    """All pages of the history."""
    answer = phone.get("/api/v1/locations/", query)
    found = answer.data["results"]
    while answer.data["next"]:
        answer = phone.get(answer.data["next"])
        found += answer.data["results"]
    return list(found)
