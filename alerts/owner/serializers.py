from typing import Any

from rest_framework import serializers

from alerts.models import EventKind
from alerts.timeline.chain import Entry


class EntrySerializer(serializers.Serializer[Entry]):
    """One entry of the alert's timeline."""

    seq = serializers.IntegerField(help_text="1, 2, 3 … without gaps.")
    at = serializers.DateTimeField(
        format="%Y-%m-%dT%H:%M:%S.%fZ",
        help_text="When it happened. An entry that was written late stands after entries of later events.",
    )
    kind = serializers.ChoiceField(choices=EventKind.choices)
    by = serializers.CharField(help_text="`owner`, `system`, `operator` or `contact:<id>`.")
    data = serializers.DictField(  # type: ignore[assignment]
        help_text="Further facts, by kind. A `message` has `contacts` (ids), `about` (`sos`, `reminder`, `call`), "
        "`round`, `channel`, `state` and the provider's or our own `code`."
    )
    hash = serializers.CharField(
        help_text="SHA-256, hexadecimal, of the previous entry's hash (64 zeros for the first entry), a line break, "
        "and this entry without `hash` as JSON: keys sorted, no spaces, UTF-8."
    )

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        """The entry as JSON with the keys of `data` sorted.

        Unsorted keys could tell a pretended entry (alerts/owner/timeline.py) from a real one.
        """
        shown = super().to_representation(instance)
        return shown | {"data": dict(sorted(shown["data"].items()))}


class TimelineSerializer(serializers.Serializer[dict[str, Any]]):
    entries = EntrySerializer(many=True)
    head = serializers.CharField(help_text="The last hash; 64 zeros when there is no entry.")


class TimelinePageSerializer(TimelineSerializer):
    next = serializers.URLField(allow_null=True, help_text="The next page; null: there is no next page yet.")


class WhichEntriesSerializer(serializers.Serializer[None]):
    cursor = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, default=0, help_text="Entries after this `seq`; follow `next` instead."
    )
    page_size = serializers.IntegerField(min_value=1, max_value=500, default=200)
