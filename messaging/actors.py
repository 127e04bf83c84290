import dramatiq

from messaging.delivery import courier
from messaging.delivery.dispatch import URGENT_QUEUE
from messaging.models import Deliverer


@dramatiq.actor(queue_name=URGENT_QUEUE, max_retries=3, min_backoff=100, max_backoff=2_000)
def deliver(message_ids: list[int], sender_id: int = 0) -> None:
    """Claim these messages and send them. A second run sends no message again.

    `sender_id`: the sender at which they got slots; 0: unknown. The relay puts urgent messages into the queue
    `emergency` and all others into the queue `messages`.
    """
    courier.courier(by=Deliverer.WORKER).deliver(message_ids, sender_id=sender_id)
