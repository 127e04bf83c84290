"""`make bench`: AlertMe beside Celery and Dramatiq, doing the same against the same sandbox in the same run.

    python -m tests.bench --only fanout throughput --contenders AlertMe Celery

Prints the table and writes it to var/bench.json. Servers, processes and sandbox are its own.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from tests import services

RESULT = Path(__file__).resolve().parents[2] / "var" / "bench.json"
ROWS = ("fanout", "throughput", "paced", "backlog", "faults", "posts", "positions", "sizes", "timers")
CONTENDERS = ("AlertMe", "Celery", "Dramatiq")


def main() -> None:
    wanted = _arguments()
    services.start()
    try:
        import django

        django.setup()
        # Imported late: it needs Django, and Django needs the addresses of the servers.
        from tests.bench.run import run

        table = run(wanted.only, wanted.contenders)
    finally:
        services.stop()
    print("\n" + _drawn(table))
    RESULT.parent.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    RESULT.write_text(json.dumps(machine | {"rows": table}, indent=2) + "\n")
    print(f"\nwritten to {RESULT.relative_to(Path.cwd())}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="The benchmarks.")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, help="these rows; all without it")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    return parser.parse_args()


def _drawn(table: dict[str, dict[str, float]]) -> str:
    lines = [f"{'':52}" + "".join(f"{name:>12}" for name in CONTENDERS)]
    for figure, values in table.items():
        cells = (f"{values[name]:g}" if name in values else "" for name in CONTENDERS)
        lines.append(f"{figure:52}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
