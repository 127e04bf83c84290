"""The texts contacts read. Each takes one SMS segment in every language: some carriers do not join parts."""

from collections.abc import Callable

from django.utils.translation import gettext

from alerts.models import AlertStatus, SosAlert
from identity.models import User
from messaging import texts


def sos(alert: SosAlert, owner: User, *, language: str) -> str:
    """Who needs help, where, and the number to call: the SMS itself comes from a sender nobody knows."""
    phone = str(owner.phone_number)

    def compose(name: str) -> str:
        name = name or gettext("Someone")
        if alert.latitude is None or alert.longitude is None:
            return gettext("SOS! {name} needs help. Call {phone}").format(name=name, phone=phone)
        place = map_link(alert.latitude, alert.longitude)
        return gettext("SOS! {name} {phone} {place}").format(name=name, phone=phone, place=place)

    return texts.fit_name(compose, name=_name(owner), language=language)


def all_clear(alert: SosAlert, owner: User, *, language: str) -> str:
    """What ended the alert, for those who were told of it."""
    compose = _cancelled if alert.status == AlertStatus.CANCELLED else _resolved
    return texts.fit_name(_or_number(compose, owner), name=_name(owner), language=language)


def map_link(latitude: float, longitude: float) -> str:
    """Four decimals are 11 m. Without a scheme, which phones do not need and one segment has no room for."""
    return f"maps.google.com/?q={latitude:.4f},{longitude:.4f}"


def _resolved(name: str) -> str:
    return gettext("{name} is safe. The alert has ended.").format(name=name)


def _cancelled(name: str) -> str:
    return gettext("False alarm: {name} cancelled the alert.").format(name=name)


def _or_number(compose: Callable[[str], str], owner: User) -> Callable[[str], str]:
    return lambda name: compose(name or str(owner.phone_number))


def _name(owner: User) -> str:
    return f"{owner.first_name} {owner.last_name}"
