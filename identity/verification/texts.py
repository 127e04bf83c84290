"""The texts of the SMS of a registration.

Each fits in one segment in every language: some carriers do not join segments.
"""

from django.utils.translation import gettext

from messaging import texts


def code(digits: str, *, language: str) -> str:
    return texts.render(
        lambda: gettext("AlertMe: %(code)s is your code. Do not tell it to anyone.") % {"code": digits},
        language=language,
    )


def known_number(*, language: str) -> str:
    """The SMS to a number that has an account already, when somebody registers it again."""
    return texts.render(
        lambda: gettext("AlertMe: you already have an account. If this was you, just sign in."),
        language=language,
    )
