from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages by cursor: stable while rows are added. Ids are UUIDv7, so their order is the order of time."""

    ordering = "-id"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
