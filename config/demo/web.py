"""Serves the API and all pages in a thread of this process."""

import threading
from typing import Self

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from config.wsgi import application

HOST = "127.0.0.1"


class _Server(ThreadedWSGIServer):
    # Connections that may wait, since a page load and a burst of callbacks come at once. A further one waits a second.
    request_queue_size = 128


class WebThread:
    """Django's threaded WSGI server; a context manager. Raises OSError if the port is taken."""

    def __init__(self, *, port: int) -> None:
        self._server = _Server((HOST, port), WSGIRequestHandler)
        self._server.set_app(application)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
