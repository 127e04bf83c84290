"""A whole AlertMe in real processes, for scenarios, faults and benchmarks: gunicorn, workers, schedulers, sandbox."""

from tests.world.installation import World
from tests.world.people import Contact, Person

__all__ = ["Contact", "Person", "World"]
