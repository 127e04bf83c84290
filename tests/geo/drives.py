"""Real tracks: three drives through Denver, one fix a second, with halts at traffic lights and on motorways.

The package mappymatch (BSD-3-Clause) ships them as `sample_trace_*.csv`. It is installed without its dependencies
(requirements-tracks.txt), and none of its code is imported. The tracks have no times and no accuracies. Other packages
are of no use: movingpandas, trackintel, runpandas and gpxpy ship no tracks, tracktable-data only flights, and others
download theirs.
"""

import csv
import random
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from geo import shapes
from geo.shapes import Point
from geo.track import TrackFix

DRIVES = (1, 2, 3)


@cache
def positions(number: int) -> list[Point]:
    path = distribution("mappymatch").locate_file(f"mappymatch/resources/traces/sample_trace_{number}.csv")
    with Path(str(path)).open(newline="") as file:
        return [shapes.point(float(row["latitude"]), float(row["longitude"])) for row in csv.DictReader(file)]


def drive(number: int, *, every_s: int, accuracy_m: float, noise_m: float = 0) -> list[TrackFix]:
    chance = random.Random(f"{number} {every_s} {noise_m}")
    return [
        TrackFix.reported(at=float(second), position=_moved(position, chance, noise_m), accuracy_m=accuracy_m)
        for second, position in enumerate(positions(number))
        if second % every_s == 0
    ]


def _moved(position: Point, chance: random.Random, noise_m: float) -> Point:
    x, y, z = (axis + chance.gauss(0, noise_m) for axis in position)
    return x, y, z
