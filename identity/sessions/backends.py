from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from identity.api import rates
from identity.api.addresses import client_ip
from identity.models import User
from identity.sessions import signin
from messaging.database import clock
from messaging.numbers import is_e164


class LimitedBackend(ModelBackend):
    """Checks number and password at the admin's log-in, with the limits of the API's sign-in (signin.py).

    Raises PermissionDenied beyond a limit.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        # The number as the look-up reads it, so that no other spelling has tries of its own.
        field: Any = User._meta.get_field("phone_number")
        number = str(field.normal(username or "") or "")
        if not is_e164(number):
            number = ""
        if request is not None:
            try:
                signin.spend_try(phone_number=number, client_ip=client_ip(request), now=clock.now())
            except rates.TooManyRequests as error:
                raise PermissionDenied from error
        user: User | None = super().authenticate(request, number, password, **kwargs)
        return user
