"""Reading a file that the server sends."""

from typing import Any


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content
