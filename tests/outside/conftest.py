from tests.alerts.conftest import ana, arm, contacts, phone, stranger

__all__ = ["ana", "arm", "contacts", "phone", "stranger"]
