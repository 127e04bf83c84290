from django.apps import AppConfig

from messaging import rotation


class IdentityConfig(AppConfig):
    name = "identity"

    def ready(self) -> None:
        # `consent.unconfirmed` compares their numbers in the database.
        rotation.together(self.get_model("EmergencyContact"), self.get_model("ContactConsent"), key="user_id")
        # Models exist only once the apps are ready.
        from identity import receivers

        receivers.connect()
