"""One served project and one of each engine for all tests of the matrix."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import engines
from project import Project

PROJECT_FILE = """name: matrix
version: 1
clock: wall
profiles:
  local: { warehouse: ./.weirhouse/lake, catalog: sqlite, log: embedded, online: embedded }
"""


@pytest.fixture(scope="session")
def lake(tmp_path_factory):
    """A project without definitions: the catalog alone, served. Has `uri`."""
    folder = tmp_path_factory.mktemp("matrix") / "matrix"
    folder.mkdir()
    (folder / "weirhouse.yaml").write_text(PROJECT_FILE)
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout).get("token")
    with project.serve("--no-watch") as daemon:
        project.uri = f"http://127.0.0.1:{daemon.port}/iceberg"
        engines.PyIceberg(project.uri, project.token).create_namespace("open")
        yield project


@pytest.fixture(scope="session")
def clients(lake):
    """Engine by name."""
    made = {name: engines.ENGINES[name](lake.uri, lake.token) for name in engines.WRITERS}
    yield {**made, "weirhouse": engines.Ours(lake)}
    for client in made.values():
        client.close()
