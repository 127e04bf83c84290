from typing import Any

from rest_framework import serializers

from alerts.chain import Entry
from alerts.models import EventKind


class EntrySerializer(serializers.Serializer[Entry]):
    """A step of the alert's life."""

    seq = serializers.IntegerField(help_text="1, 2, 3 … without gaps.")
    at = serializers.DateTimeField(format="%Y-%m-%dT%H:%M:%S.%fZ")
    kind = serializers.ChoiceField(choices=EventKind.choices)
    by = serializers.CharField(help_text="`owner`, `system`, `operator` or `contact:<id>`.")
    data = serializers.DictField(help_text="What more is known of it, by kind.")  # type: ignore[assignment]
    hash = serializers.CharField(
        help_text="SHA-256, hexadecimal, of the hash before it (64 zeros before the first), a line break, and this "
        "entry without `hash` as JSON: keys sorted, no spaces, UTF-8."
    )


class TimelineSerializer(serializers.Serializer[dict[str, Any]]):
    entries = EntrySerializer(many=True)
    head = serializers.CharField(help_text="The last hash; 64 zeros when there is no entry.")
