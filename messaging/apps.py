from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        # Models can be imported only when the apps are ready.
        from messaging import lost_keys
        from messaging.outbox import senders

        checks.register(lost_keys.check, checks.Tags.database)
        post_migrate.connect(senders.sync_default, sender=self)
