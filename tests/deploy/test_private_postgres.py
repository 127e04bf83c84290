"""A private PostgreSQL starts beside whatever runs on the machine, and can be broken at will."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from deploy.local.postgres import PrivatePostgres, PrivateStandby
from deploy.local.processes import ServerFailed, descendants, is_alive, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    with PrivatePostgres(durable=False) as running:
        yield running


def query(server: PrivatePostgres, statement: str) -> str:
    with psycopg.connect(server.url, autocommit=True, connect_timeout=2) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])


def test_it_is_utf8_and_has_its_database(server: PrivatePostgres) -> None:
    assert query(server, "SELECT current_database() || ' ' || current_setting('server_encoding')") == "alertme UTF8"
    assert query(server, "SELECT current_setting('max_connections')") == "200"


def test_it_listens_on_loopback_only_and_not_on_the_machines_port(server: PrivatePostgres) -> None:
    assert query(server, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
    assert query(server, "SELECT current_setting('unix_socket_directories')") == ""
    assert server.port != 5432


def test_paused_it_keeps_connections_and_answers_nothing(server: PrivatePostgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        with paused(server):
            with pytest.raises(psycopg.OperationalError):
                query(server, "SELECT 1")
            # A session that has just ended stays a zombie while its parent is frozen.
            assert {state(child) for child in descendants(server.pid)} - {"Z"} == {"T"}
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_killed_and_started_again_it_has_what_was_committed(server: PrivatePostgres) -> None:
    url = server.url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        query(server, "SELECT 1")
    server.start()
    assert server.url == url
    assert query(server, "SELECT number FROM kept") == "7"


def test_a_folder_serves_one_server_at_a_time(server: PrivatePostgres) -> None:
    with pytest.raises(ServerFailed, match="another program"):
        PrivatePostgres(server.folder).start()


def test_a_failed_start_says_why() -> None:
    broken = PrivatePostgres(durable=False)
    broken.start()
    broken.stop()
    (broken.data / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(ServerFailed, match="FATAL"):
        broken.start()
    broken.close()


def test_a_standby_has_what_its_primary_confirmed_and_takes_over() -> None:
    with (
        PrivatePostgres(durable=False) as primary,
        PrivateStandby(primary) as standby,
        ThreadPoolExecutor() as threads,
    ):
        with psycopg.connect(standby.pair_url, autocommit=True) as connection:
            assert connection.info.port == primary.port
            connection.execute("CREATE TABLE kept (number int)")
        with paused(standby):
            commit = threads.submit(query, primary, "INSERT INTO kept VALUES (7) RETURNING number")
            with pytest.raises(TimeoutError):
                commit.result(timeout=0.5)
        assert commit.result(timeout=20) == "7"
        primary.kill()
        assert query(standby, "SELECT number FROM kept") == "7"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            query(standby, "INSERT INTO kept VALUES (8) RETURNING number")

        standby.promote()

        with psycopg.connect(standby.pair_url, autocommit=True) as connection:
            assert connection.info.port == standby.port
            connection.execute("INSERT INTO kept VALUES (8)")
        standby.restart()
        assert query(standby, "SELECT max(number) FROM kept") == "8"


@contextmanager
def paused(server: PrivatePostgres) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def test_it_does_not_outlive_a_killed_program() -> None:
    code = (
        "import time; from deploy.local.postgres import PrivatePostgres as P; s = P(durable=False); s.start();"
        "print(s.pid, s.folder, flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root)
    assert program.stdout is not None
    pid, folder = program.stdout.readline().split()
    assert is_alive(int(pid))
    os.kill(program.pid, signal.SIGKILL)
    program.communicate()
    assert wait_until(lambda: not is_alive(int(pid)) and not Path(folder).exists(), timeout_s=10)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
