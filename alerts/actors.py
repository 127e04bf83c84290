import dramatiq

from alerts.timers import expiry
from messaging.delivery.dispatch import URGENT_QUEUE


@dramatiq.actor(queue_name=URGENT_QUEUE, max_retries=0)
def check_timers() -> None:
    """Fire the timers whose grace period has ended, and send the nudges that are due.

    The scheduler sends hints to this actor while any timer is to be fired or nudged. A timer that fails is tried again
    (alerts/timers/expiry.py).
    """
    expiry.check()
