from tests.alerts.conftest import ana, contacts, phone

__all__ = ["ana", "contacts", "phone"]
