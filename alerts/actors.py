import dramatiq

from alerts.timers import expiry
from messaging.delivery.dispatch import URGENT_QUEUE


@dramatiq.actor(queue_name=URGENT_QUEUE, max_retries=0)
def check_timers() -> None:
    """Fire the timers that have run out and send nudges.

    The scheduler sends this actor a hint while any timer is due.
    """
    expiry.check()
