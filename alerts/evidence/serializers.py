from rest_framework import serializers

from alerts.models import Evidence, EvidenceKind


class KeptSerializer(serializers.Serializer[Evidence]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EvidenceKind.choices)
    type = serializers.CharField(source="media_type", help_text="The media type, found by content.")
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="64 hexadecimal digits, of the bytes that arrived.")
    added_at = serializers.DateTimeField()


class EvidenceSerializer(KeptSerializer):
    url = serializers.SerializerMethodField(
        help_text="Works without signing in, with Range, for two hours; ask again for a fresh one."
    )

    def get_url(self, evidence: Evidence) -> str:
        return str(self.context["urls"](evidence))


class AudioSerializer(EvidenceSerializer):
    audio_url = serializers.SerializerMethodField(method_name="get_url", help_text="The same as `url`.")


class VideoSerializer(EvidenceSerializer):
    video_url = serializers.SerializerMethodField(method_name="get_url", help_text="The same as `url`.")


class PhotoSerializer(EvidenceSerializer):
    photo_url = serializers.SerializerMethodField(method_name="get_url", help_text="The same as `url`.")
