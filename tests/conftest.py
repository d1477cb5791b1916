import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "crash"))

from project import Project, write_demo_data


def pytest_configure(config):
    """A home of its own: what a user has set up there for git, pyiceberg or DuckDB is no part of a test, and two runs share nothing."""
    home = tempfile.mkdtemp(prefix="weirhouse-home-")
    os.environ["HOME"] = home
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


def pytest_collection_modifyitems(items):
    """The longest test (two minutes, twice as long as any other) begins first, so that no other process waits for it at the end."""
    items.sort(key=lambda item: item.path.name != "test_rebuild_random.py")


@pytest.fixture(scope="session")
def clean_days(tmp_path_factory):
    """14 days without planted faults: the landing folder."""
    folder = tmp_path_factory.mktemp("clean") / "flights"
    write_demo_data(folder, "--days", "14")
    return folder / "landing"


@pytest.fixture(scope="session")
def faulty_days(tmp_path_factory):
    """10 days with every kind of planted fault: the landing folder and the report."""
    folder = tmp_path_factory.mktemp("faulty") / "flights"
    report = write_demo_data(folder, "--days", "10", "--seed", "11", "--duplicates", "1%", "--late", "0.5%",
                             "--malformed", "0.5%", "--corrections", "1%")
    return folder / "landing", {source["source"]: source for source in report["sources"]}


@pytest.fixture
def project(tmp_path):
    """The example, applied, with nothing landed."""
    made = Project.make(tmp_path / "flights")
    made.apply()
    return made
