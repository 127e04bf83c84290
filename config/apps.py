from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import roles

        checks.register(roles.application_owns_nothing, checks.Tags.database, deploy=True)
        post_migrate.connect(roles.prepare_application_role, sender=self)
