"""Every benchmark still measures something; `make bench` gives the figures themselves."""

from tests.bench import backlog, fanout, faults, paced, positions, posts, sizes, throughput, timers
from tests.bench.contenders import Ours
from tests.world import World


def test_every_benchmark_measures(world: World) -> None:
    ours = Ours(world)
    # Rows with one worker process come first, so that the pool is not made again for each row.
    found = (
        fanout.measure(ours, runs=1, warm_up=0)
        | throughput.measure(ours, runs=1, messages=200)
        | backlog.measure(ours, runs=1, backlog=20)
        | fanout.from_the_post(ours, runs=1, warm_up=0)
        | posts.measure(ours, runs=1, people=20)
        | positions.measure(ours, runs=1, batches=2, singles=8, checked=200)
        | sizes.measure(ours, sizes=(0, 10_000), batches=1, asked=2)
        | timers.measure(ours, armed=(50, 100), burst=10, steady_s=1)
        | paced.measure(ours, runs=1, window_s=2)
        | faults.measure(ours, messages=30, quiet_s=1)
    )
    assert len(found) == 46
    assert all(value >= 0 for value in found.values())
    # Leave the installation with one worker process, as the next test expects it.
    with ours.running(pace=0, processes=1):
        pass
