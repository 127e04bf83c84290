"""The benchmarks still measure something; the figures themselves are `make bench`'s."""

from tests.bench import fanout, posts, throughput
from tests.world import World


def test_every_benchmark_measures(world: World) -> None:
    found = (
        fanout.measure(world, runs=1)
        | throughput.measure(world, runs=1, messages=200)
        | posts.measure(world, runs=1, people=20)
    )
    assert len(found) == 12
    assert all(isinstance(value, int | float) and value >= 0 for value in found.values())
