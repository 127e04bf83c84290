import dramatiq

from config import periodic


@dramatiq.actor(queue_name="default", max_retries=0)
def run_periodic(name: str) -> None:
    """Do the periodic work of this name (PERIODIC) once. A scheduler sends the hint each time the work is due."""
    periodic.run(name)
