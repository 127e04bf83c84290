from tests.alerts.conftest import ana, arm, contacts, phone, pressed, stranger, token, tokens

__all__ = ["ana", "arm", "contacts", "phone", "pressed", "stranger", "token", "tokens"]
