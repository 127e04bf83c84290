import dramatiq

from config import periodic


@dramatiq.actor(queue_name="default", max_retries=0)
def run_periodic(name: str) -> None:
    """Periodic work by its name; the scheduler asks again when it is due again."""
    periodic.run(name)
