"""The same records give the same tables in whatever order and in however many files they land."""
import random

import pytest

from project import SOURCES, Project

ORDERLESS = ("--profile", "orderless")


def lines_by_source(landing):
    """source → (header or None, lines in the order of the days)."""
    found = {}
    for source in SOURCES:
        header, lines = None, []
        for path in sorted((landing / source).iterdir()):
            data = path.read_bytes().split(b"\n")[:-1]
            if path.suffix == ".csv":
                header, data = data[0], data[1:]
            lines += data
        found[source] = (header, lines)
    return found


def file_of(header, lines):
    return b"\n".join(([header] if header else []) + lines) + b"\n"


def suffix(source):
    return "csv" if source in ("plane", "weather") else "jsonl"


def run_orderless(folder, files):
    """A project that took in `files` ((source, name, bytes), one run after another group)."""
    project = Project.make(folder)
    project.wh("apply", "--yes", *ORDERLESS)
    for group in files:
        for source, name, data in group:
            project.land(source, name, data)
        project.wh("run", *ORDERLESS)
    return project


@pytest.fixture(scope="module")
def by_day(tmp_path_factory, faulty_days):
    """The reference: day by day, as it happened."""
    landing, _ = faulty_days
    project = Project.make(tmp_path_factory.mktemp("day") / "flights")
    project.apply()
    project.land_all(landing)
    project.wh("run")
    return project.digests()


def test_one_file_for_each_source(tmp_path, faulty_days, by_day):
    landing, _ = faulty_days
    files = [(source, f"all.{suffix(source)}", file_of(header, lines))
             for source, (header, lines) in lines_by_source(landing).items()]
    assert run_orderless(tmp_path / "flights", [files]).digests() == by_day


def test_reversed_day_by_day(tmp_path, faulty_days, by_day):
    landing, _ = faulty_days
    groups = {}
    for source in SOURCES:
        for path in (landing / source).iterdir():
            header = None
            lines = path.read_bytes().split(b"\n")[:-1]
            if path.suffix == ".csv":
                header, lines = lines[0], lines[1:]
            groups.setdefault(path.name[:10], []).append((source, path.name, file_of(header, lines[::-1])))
    ordered = [groups[day] for day in sorted(groups, reverse=True)]
    assert run_orderless(tmp_path / "flights", ordered).digests() == by_day


def test_shuffled_into_a_hundred_files(tmp_path, faulty_days, by_day):
    landing, _ = faulty_days
    shuffle = random.Random(5)
    files = []
    for source, (header, lines) in lines_by_source(landing).items():
        shuffle.shuffle(lines)
        for i in range(25):
            piece = lines[i::25]
            files.append((source, f"{i:03}.{suffix(source)}", file_of(header, piece)))
    shuffle.shuffle(files)
    assert len(files) == 100
    groups = [files[i::4] for i in range(4)]
    assert run_orderless(tmp_path / "flights", groups).digests() == by_day


def test_a_full_run_equals_the_increments(tmp_path, faulty_days, by_day):
    landing, _ = faulty_days
    project = Project.make(tmp_path / "flights")
    project.apply()
    project.land_all(landing)
    project.wh("run")
    states = project.status()["states"]
    project.wh("run", "--full")
    assert project.digests() == by_day
    assert project.status()["states"] == states
