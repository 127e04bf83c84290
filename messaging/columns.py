"""Model fields whose columns are encrypted (encryption.py). Values that were stored unencrypted are read unchanged.

A text, number or address whose key is gone is read as empty, so that one such row does not fail a query of an SOS.
Saving the row writes the stored value back unchanged. Reading an EncryptedJSONField raises Unreadable instead.
"""

import json
from typing import TYPE_CHECKING, Any

import structlog
from django.core.exceptions import EmptyResultSet, FieldError
from django.db import models
from django.db.models.lookups import Exact, In
from phonenumber_field.modelfields import PhoneNumberField
from phonenumber_field.phonenumber import PhoneNumber

from messaging import encryption
from messaging.encryption import Unreadable

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    _CharField = models.CharField[Any, Any]
    _EmailField = models.EmailField[Any, Any]
    _JSONField = models.JSONField[Any, Any]
    _BinaryField = models.BinaryField[Any, Any]
else:
    # Generic to the type checker only.
    _CharField, _EmailField = models.CharField, models.EmailField
    _JSONField, _BinaryField = models.JSONField, models.BinaryField


class UnreadText(str):
    """An empty text in place of one that cannot be decrypted. A save writes the column's value, `stored`, back."""

    stored: str

    def __new__(cls, stored: str) -> "UnreadText":
        text = super().__new__(cls, "")
        text.stored = stored
        return text


class UnreadNumber(PhoneNumber):  # type: ignore[misc]  # The library has no types.
    """An invalid, empty phone number in place of one that cannot be decrypted. `stored` is the column's value."""

    def __init__(self, stored: str) -> None:
        super().__init__(raw_input="")
        self.stored = stored


class EncryptedBytesField(_BinaryField):
    """Bytes that `encryption.encrypt` or `wrap_key` made for the purpose `about`.

    The field itself neither encrypts nor decrypts. It marks the column for a change of keys (rotation.py).
    """

    def __init__(self, *args: Any, about: str, **kwargs: Any) -> None:
        self.about = about
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"about": self.about}

    def under_newest_key(self, stored: bytes | None) -> bytes | None:
        if not stored or encryption.is_current(stored):
            return stored
        return encryption.encrypted_again(stored, about=self.about)


class EncryptedTextField(_CharField):
    """Text that is encrypted. A query can only ask whether it is null. `max_length` bounds the text, not the column.

    `about`: the purpose. SQL may copy stored values only to a column with the same purpose.
    """

    def __init__(self, *args: Any, about: str, **kwargs: Any) -> None:
        self.about = about
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"about": self.about}

    def db_type(self, connection: Any) -> str:
        return "text"

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, UnreadText):
            return value.stored
        text = super().get_prep_value(value)
        return encryption.encrypt_text(text, about=self.about) if isinstance(text, str) else text

    def from_db_value(self, stored: str | None, *_: Any) -> str | None:
        if stored is None:
            return None
        try:
            return encryption.decrypt_text(stored, about=self.about)
        except Unreadable:
            log.error("column_unreadable", column=str(self))
            return UnreadText(stored)

    def under_newest_key(self, stored: str | None) -> str | None:
        """The value to store in place of `stored`: the same text under the newest key. Raises Unreadable."""
        if stored is None or encryption.is_current(stored):
            return stored
        return encryption.encrypt_text(encryption.decrypt_text(stored, about=self.about), about=self.about)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self} is encrypted: no query can compare it.")
        return super().get_lookup(lookup_name)


class EncryptedEmailField(EncryptedTextField, _EmailField):
    """An e-mail address that is encrypted like a text."""


class EncryptedJSONField(_JSONField):
    """JSON that is encrypted like a text: the column holds one JSON string.

    If the key of the value is gone, reading it raises Unreadable.
    """

    def __init__(self, *args: Any, about: str, **kwargs: Any) -> None:
        self.about = about
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"about": self.about}

    def get_prep_value(self, value: Any) -> Any:
        if value is None or not encryption.is_on():
            return super().get_prep_value(value)
        return encryption.encrypt_text(json.dumps(value, cls=self.encoder), about=self.about)

    def from_db_value(self, stored: Any, *rest: Any) -> Any:
        value = super().from_db_value(stored, *rest)
        if not isinstance(value, str):
            return value
        return json.loads(encryption.decrypt_text(value, about=self.about), cls=self.decoder)

    def under_newest_key(self, stored: str | None) -> str | None:
        value = None if stored is None else json.loads(stored)
        if value is None or (isinstance(value, str) and encryption.is_current(value)):
            return stored
        plain = encryption.decrypt_text(value, about=self.about) if isinstance(value, str) else stored
        return json.dumps(encryption.encrypt_text(plain or "", about=self.about))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self} is encrypted: no query can compare it.")
        return super().get_lookup(lookup_name)


class _FoundByValue(_CharField):
    """A column of phone numbers or addresses. A query finds a value in each form of `encryption.stored_forms`."""

    def normal(self, value: Any) -> Any:
        """The value as text, in the one spelling that is stored."""
        return super().get_prep_value(value)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, UnreadText | UnreadNumber):
            return value.stored
        text = self.normal(value)
        return encryption.encrypt_number(text) if isinstance(text, str) else text

    def from_db_value(self, stored: str | None, *_: Any) -> Any:
        if stored is None:
            return None
        try:
            return encryption.decrypt_number(stored)
        except Unreadable:
            log.error("column_unreadable", column=str(self))
            return UnreadText(stored)

    def under_newest_key(self, stored: str | None) -> str | None:
        if stored is None or encryption.is_current(stored):
            return stored
        return encryption.encrypt_number(encryption.decrypt_number(stored))

    def stored_forms(self, value: Any) -> list[str]:
        if isinstance(value, UnreadText | UnreadNumber):
            return [value.stored]
        text = self.normal(value)
        return encryption.stored_forms(text) if isinstance(text, str) else []


@_FoundByValue.register_lookup
class SameNumber(Exact):
    """The lookup `exact`: finds a value in each of its stored forms.

    Compared with another column, it finds only rows in which both columns store the number in the same form.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if not self.rhs_is_direct_value():
            return super().as_sql(compiler, connection)
        return _is_any(self, [self.rhs], compiler)


@_FoundByValue.register_lookup
class SameNumberAnyCase(SameNumber):
    """The lookup `iexact`, which the admin's search for a whole number uses. It compares like `exact`."""

    lookup_name = "iexact"


@_FoundByValue.register_lookup
class AmongNumbers(In):
    """The lookup `in`: finds the values of a list in each of their stored forms.

    With a subquery, it finds only numbers that both tables store in the same form.
    """

    def get_prep_lookup(self) -> Any:
        return list(self.rhs) if self.rhs_is_direct_value() else super().get_prep_lookup()

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if not self.rhs_is_direct_value():
            return super().as_sql(compiler, connection)
        return _is_any(self, self.rhs, compiler)


def _is_any(lookup: Any, values: Any, compiler: Any) -> tuple[str, list[Any]]:
    forms = {form for value in values for form in lookup.lhs.output_field.stored_forms(value)}
    if not forms:
        raise EmptyResultSet
    left, parameters = compiler.compile(lookup.lhs)
    return f"{left} = ANY(%s)", [*parameters, sorted(forms)]


class EncryptedAddressField(_FoundByValue):
    """A phone number or e-mail address that is read as text. `max_length` bounds the address, not the column."""

    def db_type(self, connection: Any) -> str:
        return "text"


class EncryptedNumberField(_FoundByValue, PhoneNumberField):  # type: ignore[misc]  # The library has no types.
    """A phone number that is read as a PhoneNumber."""

    def from_db_value(self, stored: str | None, *rest: Any) -> Any:
        number = super().from_db_value(stored, *rest)
        return UnreadNumber(number.stored) if isinstance(number, UnreadText) else self.to_python(number)


# A change of keys (rotation.py) goes through the columns of these fields.
ENCRYPTED = (EncryptedBytesField, EncryptedTextField, EncryptedJSONField, _FoundByValue)
