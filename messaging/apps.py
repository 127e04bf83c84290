from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from messaging.outbox import senders  # models can be imported only when the apps are ready

        post_migrate.connect(senders.sync_default, sender=self)
