"""A manager for rows that the person's devices show: rows with `is_kept` are hidden since the duress PIN was typed."""

from typing import TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class ShownManager(models.Manager[Row]):
    """The rows that are shown, also through a relation like `person.contacts`."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().filter(is_kept=False)
