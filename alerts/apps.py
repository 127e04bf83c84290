from django.apps import AppConfig
from django.core import checks


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from alerts.checks import links_leave_room  # models exist only once the apps are ready

        checks.register(links_leave_room)
