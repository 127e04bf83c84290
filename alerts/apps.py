from django.apps import AppConfig
from django.core import checks


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        # Models exist only once the apps are ready.
        from alerts import receivers
        from alerts.contacts.checks import links_leave_room
        from alerts.evidence import rekeying
        from messaging import rotation

        checks.register(links_leave_room)
        receivers.connect()
        rotation.also(rekeying.rotate)
