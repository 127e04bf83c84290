import dramatiq

from config import periodic


@dramatiq.actor(queue_name="default", max_retries=0)
def run_periodic(name: str) -> None:
    """Do one kind of periodic work. The scheduler asks for it again when it is due again."""
    periodic.run(name)
