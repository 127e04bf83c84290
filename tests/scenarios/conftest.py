import pytest

from tests.scenarios.story import Story
from tests.world import World


@pytest.fixture
def story(world: World) -> Story:
    return Story(world)
