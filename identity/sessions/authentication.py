"""Who sends a request: a signed-in person by their access token or, for an SOS only, a device by its credential."""

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
    """A device's SOS credential, in a header of its own: an app simply sends it beside its access token, which counts
    when it is valid. Only for views that raise an SOS or add to one: everywhere else the header says nothing.

    `request.auth` is then the Device.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        credential = request.headers.get(HEADER)
        if not credential:
            return None
        with suppress(AuthenticationFailed):
            if signed_in := super().authenticate(request):
                return signed_in
        device = credentials.recognise(credential, now=clock.now())
        return (device.user, device) if device else None


class OpenToDevices(APIView):
    """A view whose `device_methods` take the SOS credential of a device; the others need an access token."""

    device_methods: ClassVar[tuple[str, ...]] = ("POST",)

    def get_authenticators(self) -> list[BaseAuthentication]:
        # The schema also makes views that have no request yet.
        if self.request is not None and self.request.method in self.device_methods:
            return [SosCredential(), *super().get_authenticators()]
        return super().get_authenticators()


def is_by_device(request: Request) -> bool:
    """Whether the sender showed no more than an SOS credential: it reads nothing of the person's."""
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
            "description": "The credential of a registered device (`me/devices/`). It works when the access token has"
            " expired, also beside it: send both.",
        }
