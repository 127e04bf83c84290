from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm

from identity.models import User
from identity.staff import factors
from messaging.database import clock


class StaffLogInForm(AdminAuthenticationForm):
    """Number, password and code in one form. The error does not say which is wrong, so no part can be guessed alone."""

    code = forms.CharField(
        max_length=40,
        label="Code",
        help_text="Of your authenticator app, or a recovery code.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )
    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "The number, the password or the code is wrong, or this account may not enter.",
    }

    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        if not factors.prove(user, self.cleaned_data.get("code", ""), now=clock.now()):
            raise self.get_invalid_login_error()
