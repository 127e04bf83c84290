"""docker-compose.yml names commands, files and settings that exist. Docker itself is not needed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from config.broker import QUEUES
from deploy.local.environment import ROOT
from deploy.local.programs import STOP_WAIT_S, WORKER_SHUTDOWN_MS, WORKERS

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "alertme")
WORKER_SERVICES = [name for name in OURS if name.startswith("worker-")]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_of_ours(name: str) -> None:
    command = SERVICES[name].get("command", ["python", "manage.py", "migrate"])
    assert command[:2] == ["python", "manage.py"]
    assert command[2] in get_commands()


def test_every_queue_has_a_worker_here_and_under_supervisord() -> None:
    served = {SERVICES[name]["command"][SERVICES[name]["command"].index("--queues") + 1] for name in WORKER_SERVICES}
    assert served == set(QUEUES) == set(WORKERS)


@pytest.mark.parametrize("name", WORKER_SERVICES)
def test_a_worker_has_time_to_finish(name: str) -> None:
    command = SERVICES[name]["command"]
    assert int(command[command.index("--worker-shutdown-timeout") + 1]) == WORKER_SHUTDOWN_MS
    assert seconds(SERVICES[name]["stop_grace_period"]) == STOP_WAIT_S > WORKER_SHUTDOWN_MS / 1000


@pytest.mark.parametrize("name", WORKER_SERVICES)
def test_a_worker_prefetches_as_much_as_it_has_threads_for(name: str) -> None:
    command, environment = SERVICES[name]["command"], SERVICES[name]["environment"]
    assert environment["dramatiq_queue_prefetch"] == command[command.index("--threads") + 1]
    assert {"DATABASE_URL", "RABBITMQ_URL"} <= set(environment)


def test_files_it_names_exist() -> None:
    mounted = [v.split(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])]
    files = [path for path in mounted if path.startswith("./")]
    assert files
    assert all((ROOT / path).is_file() for path in [*files, COMPOSE["x-app"]["build"]["dockerfile"]])


def test_dependencies_are_services() -> None:
    named = {dependency for service in SERVICES.values() for dependency in service.get("depends_on", {})}
    assert named <= set(SERVICES)


def test_settings_it_uses_are_explained_in_the_example() -> None:
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    given = {name for service in OURS for name in SERVICES[service]["environment"] if name.isupper()}
    assert used | given <= known


def test_no_secret_is_written_down() -> None:
    for line in (ROOT / "docker-compose.yml").read_text().splitlines():
        assert not re.search(r"(PASSWORD|TOKEN|SECRET\w*): [^$]", line), line


def test_every_image_of_others_is_named_by_its_digest() -> None:
    images = [service["image"] for service in SERVICES.values() if service["image"] != "alertme"]
    bases = re.findall(r"^FROM (\S+)", (ROOT / COMPOSE["x-app"]["build"]["dockerfile"]).read_text(), re.MULTILINE)
    assert len(images) == len(bases) == 2
    assert len(set(bases)) == 1, "the interpreter that builds the packages is the one that runs them"
    for image in [*images, *bases]:
        assert re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image


def test_the_image_takes_what_it_needs() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps | {"config", "deploy", "manage.py", "requirements.txt"} <= allowed
    assert not allowed & {".env", "var", ".git"}
    assert all(Path(ROOT / name).exists() for name in allowed)


def test_only_the_migration_knows_the_owner_of_the_tables() -> None:
    for name in OURS:
        environment = SERVICES[name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgres://alertme_app:${POSTGRES_APP_PASSWORD:"), name
        knows = [key for key, value in environment.items() if "POSTGRES_PASSWORD" in str(value)]
        assert knows == (["MIGRATION_DATABASE_URL"] if name == "migrate" else []), name
