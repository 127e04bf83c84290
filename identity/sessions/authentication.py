"""Authenticates requests: a person by their access token or, only for an SOS, a device by its SOS credential."""

from contextlib import suppress
from typing import Any, ClassVar

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.views import APIView

from identity.devices import credentials
from identity.models import Device
from identity.sessions.bearer import AccessToken
from messaging.database import clock

HEADER = "X-SOS-Credential"


class SosCredential(AccessToken):
    """Authenticates a device by its SOS credential, in the header X-SOS-Credential. `request.auth` is then the Device.

    If an app sends both this header and a valid access token, the access token decides. Raises AuthenticationFailed for
    a wrong or revoked credential. Only views that raise an SOS, or add to one, use this class. Others ignore the
    header.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        header = request.headers.get(HEADER)
        if not header:
            return None
        with suppress(AuthenticationFailed):
            signed_in: tuple[Any, Any] | None = super().authenticate(request)
            if signed_in:
                return signed_in
        device = credentials.recognise(credentials.in_header(header), now=clock.now())
        if device is None:
            raise AuthenticationFailed("The SOS credential is wrong or revoked.", code="credential_invalid")
        return device.user, device


class OpenToDevices(APIView):
    """A view that takes SOS credentials for its `device_methods`; its other methods need an access token."""

    device_methods: ClassVar[tuple[str, ...]] = ("POST",)

    def get_authenticators(self) -> list[BaseAuthentication]:
        # OpenAPI makes views without a request.
        if self.request is not None and self.request.method in self.device_methods:
            return [SosCredential(notes_use=False), AccessToken(notes_use=False)]
        return super().get_authenticators()


def is_by_device(request: Request) -> bool:
    """Whether an SOS credential authenticated the request. The response must then hold no data of the person."""
    return isinstance(request.auth, Device)


class AccessTokenScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    target_class = "identity.sessions.bearer.AccessToken"


class SosCredentialScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "identity.sessions.authentication.SosCredential"
    name = "sosCredential"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": HEADER,
            "description": "The credential of a registered device (`me/devices/`). Send it together with the access"
            " token: it works also when the token has expired.",
        }
