"""The threads that send e-mail, looked at by their stacks."""

import sys
import threading
import time
import traceback


def no_email_thread_waits() -> bool:
    """Whether within 5 s no thread waits for a mail server any more: a thread is free again the moment its time is
    over."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any("smtplib" in stack for stack in _stacks()):
            return True
        time.sleep(0.05)
    return False


def _stacks() -> list[str]:
    names = {thread.ident for thread in threading.enumerate() if thread.name.startswith("email")}
    return ["".join(traceback.format_stack(frame)) for ident, frame in sys._current_frames().items() if ident in names]
