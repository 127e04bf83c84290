"""PostGIS beside the zone check of geo/presence.py: the same fixes and zones, in a database of its own."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

from deploy.local import packages
from tests.services import postgres

_DATABASE = "bench_postgis"


def ensure_installed() -> None:
    """Install PostGIS for the PostgreSQL of the tests."""
    if _is_there():
        return
    name = f"postgresql-{_version()}-postgis-3"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(packages.advice([name]))
    packages.install([name])


@contextmanager
def zone_table(zones: Sequence[tuple[float, float, float]]) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database with these circles (latitude, longitude, radius in m)."""
    server = postgres().url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE}")
        connection.execute(f"CREATE DATABASE {_DATABASE}")
    with psycopg.connect(urlsplit(server)._replace(path=f"/{_DATABASE}").geturl(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION postgis")
        connection.execute("CREATE TABLE zone (id serial PRIMARY KEY, centre geography(Point), radius_m float8)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO zone (centre, radius_m) VALUES (ST_MakePoint(%s, %s), %s)", _points(zones))
        connection.execute("CREATE INDEX ON zone USING gist (centre)")
        connection.execute("ANALYZE zone")
        yield connection


def check_us(connection: psycopg.Connection, fixes: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Microseconds for each fix: first one statement for each fix, then one statement for all."""
    started = time.perf_counter()
    for latitude, longitude in fixes:
        connection.execute(
            "SELECT id FROM zone WHERE ST_DWithin(centre, ST_MakePoint(%s, %s)::geography, radius_m)",
            [longitude, latitude],
            prepare=True,
        ).fetchall()
    singly = time.perf_counter() - started
    columns = [list(column) for column in zip(*fixes, strict=True)]
    started = time.perf_counter()
    connection.execute(
        "SELECT f.n, z.id FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS f (latitude, longitude, n)"
        " JOIN zone z ON ST_DWithin(z.centre, ST_MakePoint(f.longitude, f.latitude)::geography, z.radius_m)",
        columns,
    ).fetchall()
    return singly / len(fixes) * 1e6, (time.perf_counter() - started) / len(fixes) * 1e6


def _points(zones: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    return [(longitude, latitude, radius_m) for latitude, longitude, radius_m in zones]


def _version() -> int:
    with psycopg.connect(postgres().url) as connection:
        return connection.info.server_version // 10_000


def _is_there() -> bool:
    with psycopg.connect(postgres().url) as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'").fetchone()
        return found is not None
