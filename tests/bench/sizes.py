"""The cost of positions when the table holds no rows, a million or five million: stored, evaluated and read."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

from tests.bench.contenders import Ours
from tests.bench.positions import upload
from tests.bench.rows import Figures
from tests.world.crowd import Presser

SIZES = (0, 1_000_000, 5_000_000)
# Fixes of one person, spread over 85 days.
EACH = 5_000
ASKED = 60
_MONTHS_AGO = (datetime.now(UTC) - timedelta(days=60)).isoformat()
READ = {
    "a page of history": "locations/",
    "a page of months ago": f"locations/?{urlencode({'until': _MONTHS_AGO})}",
    "latest": "locations/latest/",
}
_FILL = """
INSERT INTO geo_fix (owner_id, at, id, received_at, latitude, longitude, accuracy_m, network, activity)
SELECT person, now() - interval '85 days' * n / %s, gen_random_uuid(), now(), 42.8 + n * 1e-6, 74.5, 10, '4g', 'walking'
FROM unnest(%s::uuid[]) AS person, generate_series(1, %s) AS n
"""


def measure(ours: Ours, *, sizes: tuple[int, ...] = SIZES, batches: int = 20, asked: int = ASKED) -> Figures:
    found: Figures = {}
    with ours.running(pace=0, processes=1):
        [reader] = Presser.with_contacts(ours.world, [["+996700000000"]])
        ours.world.execute(_FILL, EACH, [reader.person], EACH)
        filled = 0
        for size in sizes:
            ours.world.execute(_FILL, EACH, [uuid4() for _ in range((size - filled) // EACH)], EACH)
            ours.world.execute("ANALYZE geo_fix")
            filled = size
            rows = f"{size / 1e6:g} million rows"
            stored, evaluated = upload(ours, zones=10, batches=batches)
            found[f"fixes/s stored, batches, {rows}"] = round(stored)
            found[f"fixes/s evaluated, batches, {rows}"] = round(evaluated)
            for name, path in READ.items():
                found[f"{name}, ms, {rows}"] = round(_median_ms(reader, path, asked), 1)
    return found


def _median_ms(reader: Presser, path: str, times: int) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        answer = reader.session.get(f"{reader.world.url}/api/v1/{path}", timeout=60)
        took.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.text
    return statistics.median(took) * 1000
