"""Real tracks: three drives through Denver, a fix a second, with halts at traffic lights and on motorways.

mappymatch (BSD-3-Clause) ships them as `sample_trace_*.csv`; installed without what it depends on
(requirements-tracks.txt), and nothing of it is imported. They have no times and no accuracies. Looked at and of no use:
movingpandas, trackintel, runpandas, gpxpy ship no tracks, tracktable-data flights only, others download theirs.
"""

import csv
import random
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from geo import shapes
from geo.presence import TrackFix
from geo.shapes import Point

DRIVES = (1, 2, 3)


@cache
def places(number: int) -> list[Point]:
    path = distribution("mappymatch").locate_file(f"mappymatch/resources/traces/sample_trace_{number}.csv")
    with Path(str(path)).open(newline="") as file:
        return [shapes.point(float(row["latitude"]), float(row["longitude"])) for row in csv.DictReader(file)]


def drive(number: int, *, every_s: int, accuracy_m: float, noise_m: float = 0) -> list[TrackFix]:
    chance = random.Random(f"{number} {every_s} {noise_m}")
    return [
        TrackFix.reported(at=float(second), position=_moved(place, chance, noise_m), accuracy_m=accuracy_m)
        for second, place in enumerate(places(number))
        if second % every_s == 0
    ]


def _moved(place: Point, chance: random.Random, noise_m: float) -> Point:
    x, y, z = (axis + chance.gauss(0, noise_m) for axis in place)
    return x, y, z
