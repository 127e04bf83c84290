from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from identity.api import rates
from identity.api.requests import client_ip
from identity.models import User
from identity.sessions import signin
from messaging.database import clock


class LimitedBackend(ModelBackend):
    """The admin's log-in, with the limits of the API's sign-in."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if request is not None:
            try:
                signin.spend_try(phone_number=str(username), client_ip=client_ip(request), now=clock.now())
            except rates.TooManyRequests as error:
                raise PermissionDenied from error
        user: User | None = super().authenticate(request, username, password, **kwargs)
        return user
