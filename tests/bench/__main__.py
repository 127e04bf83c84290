"""`make bench`: prints medians and writes them to var/bench.json. Services, processes and sandbox are its own."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from tests import services

RESULT = Path(__file__).resolve().parents[2] / "var" / "bench.json"


def main() -> None:
    services.start()
    try:
        import django

        django.setup()
        results = _measure()
    finally:
        services.stop()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nwritten to {RESULT.relative_to(Path.cwd())}")


def _measure() -> dict[str, object]:
    from tests.bench import fanout, posts, throughput
    from tests.world import World

    world = World(pace=0, worker_processes=1)
    results: dict[str, object] = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    try:
        world.start()
        measures: list[Callable[[World], dict[str, object]]] = [
            fanout.measure,
            throughput.measure,
            posts.measure,
        ]
        for measure in measures:
            found = measure(world)
            results |= found
            for name, value in found.items():
                print(f"{name:50} {value}", flush=True)
    finally:
        world.stop()
    return results


if __name__ == "__main__":
    main()
