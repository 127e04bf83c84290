import dramatiq

from alerts.timers import expiry
from messaging.delivery.dispatch import URGENT_QUEUE


@dramatiq.actor(queue_name=URGENT_QUEUE, max_retries=0)
def check_timers() -> None:
    """Fire timers that have run out and send nudges. The scheduler asks for it while any timer is due."""
    expiry.check()
