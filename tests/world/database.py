"""The database of an installation, read and written beside its processes. Phone numbers and e-mail addresses are
encrypted on the way in, and decrypted on the way out.
"""

from typing import Any

import psycopg

from messaging.encryption import decrypt_number, encrypt_number
from messaging.numbers import is_e164


class Database:
    database_url: str

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            found = connection.execute(query, [_stored(each) for each in parameters]).fetchall()
        return [tuple(decrypt_number(value) if isinstance(value, str) else value for value in row) for row in found]

    def execute(self, statement: str, *parameters: object) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement, [_stored(each) for each in parameters])


def _stored(value: object) -> object:
    if isinstance(value, list):
        return [_stored(each) for each in value]
    is_address = isinstance(value, str) and (is_e164(value) or "@" in value)
    return encrypt_number(str(value)) if is_address else value
