from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse

from identity.models import User
from identity.sessions import tokens
from identity.staff import factors
from identity.staff.forms import StaffLogInForm
from messaging.database import clock

_PROVED_AT = "staff_factor_proved_at"


class StaffSite(AdminSite):
    """The admin, for operators who proved both factors. A session ends SESSION_COOKIE_AGE after log-in, used or not."""

    login_form = StaffLogInForm
    login_template = "identity/staff_log_in.html"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and _is_proved(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().login(request, extra_context)
        # Only the right number, password and code lead to another page.
        if request.method == "POST" and response.status_code == 302:
            remember_proof(request.session, at=clock.now())
        return response

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Change the operator's password, which is also their app's, and end all their sessions in the app."""
        response = super().password_change(request, extra_context)
        if response.status_code == 302 and isinstance(request.user, User):
            tokens.close_others(person_id=request.user.id, keep=None, now=clock.now())
        return response


def remember_proof(session: Any, *, at: datetime) -> None:
    session[_PROVED_AT] = at.timestamp()


def _is_proved(request: HttpRequest) -> bool:
    known: bool | None = getattr(request, "_is_proved", None)
    if known is None:
        at = request.session.get(_PROVED_AT)
        lasts = timedelta(seconds=settings.SESSION_COOKIE_AGE)
        person_id = getattr(request.user, "id", None)
        known = bool(
            at and person_id and factors.is_proved(person_id, at=datetime.fromtimestamp(at, tz=UTC), lasts=lasts)
        )
        request._is_proved = known  # type: ignore[attr-defined]  # A page asks several times.
    return known
