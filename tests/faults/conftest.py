"""An installation whose processes can be struck at any step, and whose line to Twilio can be cut."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.line import Line
from tests.faults.points import FOLDER, Points
from tests.world import World


@pytest.fixture(scope="session")
def points_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="package")
def twilio_line(installation: World, points_folder: Path) -> Iterator[Line]:
    """Run the processes with points, and let them reach the sandbox through a line of ours."""
    port = urlsplit(installation.environment["TWILIO_API_BASE_URL"]).port
    assert port
    line = Line(port)
    strange = {
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
        FOLDER: str(points_folder),
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{line.port}",
    }
    with installation.restarted_with(**strange):
        yield line
    line.close()


@pytest.fixture
def points(twilio_line: Line, points_folder: Path, world: World) -> Iterator[Points]:
    """Points of which none is armed before or after the test. Frozen processes go on after it."""
    points = Points(points_folder)
    yield points
    points.clear()


@pytest.fixture
def twilio(twilio_line: Line, world: World) -> Line:
    """The line between the running, idle installation and its provider."""
    return twilio_line
