from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from identity.api import rates
from identity.api.requests import client_address
from identity.models import User
from identity.sessions import signin
from messaging.database import clock


class LimitedBackend(ModelBackend):
    """For the admin's log-in: the same limits as the API's."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if request is not None:
            try:
                signin.spend_try(phone_number=str(username), address=client_address(request), now=clock.now())
            except rates.TooManyRequests as error:
                raise PermissionDenied from error
        user: User | None = super().authenticate(request, username, password, **kwargs)
        return user
