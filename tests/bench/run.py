"""Run every row for every contender, one after another. Contenders that are not measured are at rest."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.bench import backlog, fanout, faults, paced, positions, posts, sizes, throughput, timers
from tests.bench.contenders import Contender, Ours
from tests.bench.rows import Figures
from tests.world import World

SHARED: dict[str, Callable[[Contender], Figures]] = {
    "fanout": fanout.measure,
    "throughput": throughput.measure,
    "paced": paced.measure,
    "backlog": backlog.measure,
    "faults": faults.measure,
}


def run(rows: Sequence[str], names: Sequence[str]) -> dict[str, Figures]:
    """The figures, by name and then by contender."""
    table: dict[str, Figures] = {}
    world = World(pace=0)
    with ExitStack() as running:
        running.callback(world.stop)
        world.start()
        ours = Ours(world)
        peers = running.enter_context(_peers(ours, names))
        for row in rows:
            if row == "posts":
                _enter(table, ours, fanout.from_the_post(ours) | posts.measure(ours))
                continue
            if row == "timers":
                _enter(table, ours, timers.measure(ours))
                continue
            if row == "positions":
                _enter(table, ours, positions.measure(ours))
                _postgis(table, positions.city(20), positions.way(POSTGIS_FIXES))
                continue
            if row == "sizes":
                _enter(table, ours, sizes.measure(ours))
                continue
            if ours.name in names:
                _enter(table, ours, SHARED[row](ours))
            ours.rest()
            for peer in peers:
                _enter(table, peer, SHARED[row](peer))
    return table


@contextmanager
def _peers(ours: Ours, names: Sequence[str]) -> Iterator[list[Contender]]:
    if set(names) == {ours.name}:
        yield []
        return
    # Imported late: the packages of the peers are installed for the benchmarks only.
    from tests.bench.peers import sms
    from tests.bench.peers.contenders import Celery, Dramatiq
    from tests.bench.peers.redis import PrivateRedis, ensure_installed

    ensure_installed()
    ours.world.execute(sms.TABLE)
    with PrivateRedis() as redis:
        environment = {
            "TWILIO_API_BASE_URL": ours.world.environment["TWILIO_API_BASE_URL"],
            "BENCH_BROKER": ours.world.rabbitmq.url,
            "BENCH_REDIS": redis.url,
            "BENCH_DATABASE": ours.world.database_url,
        }
        kinds = [kind for kind in (Celery, Dramatiq) if kind.name in names]
        yield [kind(ours.sandbox, environment, ours.world.folder) for kind in kinds]


POSTGIS_FIXES = 3_000


def _postgis(table: dict[str, Figures], zones: positions.Places, fixes: list[tuple[float, float]]) -> None:
    """Enter the same check by ST_DWithin."""
    # Imported late: PostGIS is installed for the benchmarks only.
    from tests.bench.peers import postgis

    postgis.ensure_installed()
    with postgis.zone_table(zones) as connection:
        singly, at_once = postgis.check_us(connection, fixes)
    table["zone check, µs a fix, 20 zones: PostGIS, one by one"] = {"AlertMe": round(singly, 1)}
    table["zone check, µs a fix, 20 zones: PostGIS, in one statement"] = {"AlertMe": round(at_once, 1)}


def _enter(table: dict[str, Figures], contender: Contender, found: Figures) -> None:
    for figure, value in found.items():
        table.setdefault(figure, {})[contender.name] = value
        print(f"{contender.name:10} {figure:55} {value:g}", flush=True)
