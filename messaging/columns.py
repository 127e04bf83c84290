"""Model fields whose columns are encrypted (encryption.py). Rows that were written plain are read as they are.

A value whose key is gone reads as empty, so that one unreadable row never fails a query of an SOS. Saving such a row
stores the encrypted value again.
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
    """Stands for a text that cannot be decrypted: an empty text that knows what its column stores."""

    stored: str

    def __new__(cls, stored: str) -> "UnreadText":
        text = super().__new__(cls, "")
        text.stored = stored
        return text


class UnreadNumber(PhoneNumber):  # type: ignore[misc]  # The library has no types.
    """Stands for a phone number that cannot be decrypted: an invalid number whose text is empty."""

    def __init__(self, stored: str) -> None:
        super().__init__(raw_input="")
        self.stored = stored


class EncryptedBytesField(_BinaryField):
    """Bytes that `encryption.encrypt` or `wrap_key` made for the purpose `about`. The code reads and writes the bytes.

    The class marks the column for a change of keys (rotation.py).
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
    """Text that is encrypted. Nothing can search it. `max_length` bounds the text, not the column.

    `about`: the purpose. Statements may copy the column to another one with the same purpose.
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
        """The stored value as this process writes it now. Raises Unreadable."""
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
    """JSON that is encrypted like a text: the column holds one JSON string."""

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
    """A column of phone numbers or addresses: a query finds every form in which the value may be stored."""

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
    """Equality with a value in every form. With another column both must be stored in one form."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if not self.rhs_is_direct_value():
            return super().as_sql(compiler, connection)
        return _is_any(self, [self.rhs], compiler)


@_FoundByValue.register_lookup
class SameNumberAnyCase(SameNumber):
    """The admin's search for a whole number asks so."""

    lookup_name = "iexact"


@_FoundByValue.register_lookup
class AmongNumbers(In):
    """Membership in a list of values in every form. With a subquery both must be stored in one form."""

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
