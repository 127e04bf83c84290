"""The fields of a person that the API shows, and the fields that it changes."""

from rest_framework import serializers

from identity.api.fields import LanguageField, NameField
from identity.models import User
from identity.pins.serializers import ProvedSerializer


class UserSerializer(serializers.ModelSerializer[User]):
    phone_number = serializers.CharField(read_only=True)

    class Meta:
        model = User
        fields = ["id", "phone_number", "first_name", "last_name", "language", "email"]
        read_only_fields = fields


class ProfileSerializer(ProvedSerializer):
    first_name = NameField(max_length=50)
    last_name = NameField(max_length=50, allow_blank=True)
    language = LanguageField()
    email = serializers.EmailField(max_length=254, allow_null=True)
