from collections.abc import Iterable

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AlwaysJSON(DefaultContentNegotiation):
    """Chooses the view's first renderer (JSON) for every response, whatever the Accept header asks for.

    A parser with `takes_any_type` gets every body, whatever Content-Type says. So no odd header can refuse an SOS.
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        found = list(parsers)
        any_type = (parser for parser in found if getattr(parser, "takes_any_type", False))
        return next(any_type, None) or super().select_parser(request, found)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""
