from rest_framework import serializers

from alerts.models import Evidence, EvidenceKind


class KeptSerializer(serializers.Serializer[Evidence]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EvidenceKind.choices)
    type = serializers.CharField(source="media_type", help_text="The media type, recognised by the content.")
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="SHA-256 of the bytes that arrived: 64 hexadecimal digits.")
    added_at = serializers.DateTimeField()


class EvidenceSerializer(KeptSerializer):
    url = serializers.SerializerMethodField(
        help_text="The file's URL. It needs no log-in, takes Range, and works for two hours. Ask again for a new one."
    )

    def get_url(self, evidence: Evidence) -> str:
        return str(self.context["urls"](evidence))


class AudioSerializer(EvidenceSerializer):
    audio_url = serializers.SerializerMethodField(method_name="get_url", help_text="The same as `url`.")


class VideoSerializer(EvidenceSerializer):
    video_url = serializers.SerializerMethodField(method_name="get_url", help_text="The same as `url`.")


class PhotoSerializer(EvidenceSerializer):
    photo_url = serializers.SerializerMethodField(method_name="get_url", help_text="The same as `url`.")
