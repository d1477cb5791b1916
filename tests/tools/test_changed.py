"""What tools/changed takes of a change, and that it names what it leaves."""
import os
import shutil
import subprocess
import time

import pytest

from project import ROOT

ROOMS = ("ground/base", "ground/platform", "ground/catalog", "ground/iceberg", "rules/contract", "rules/transform", "rules/gate",
         "rules/feature", "work/serving")


@pytest.fixture
def repository(tmp_path):
    """A repository with the project's build files, and rooms of one small file and one test each."""
    for path in ("tools/changed", "src/CMakeLists.txt", "fuzz/CMakeLists.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for room in ROOMS:
        (tmp_path / "src" / room).mkdir(parents=True)
        for name in ("a.cc", "a_test.cc"):
            (tmp_path / "src" / room / name).write_text("// one\n")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, hours_ago=20)
    return tmp_path


def git(folder, *words, env=None):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=folder, check=True, capture_output=True,
                   env={**os.environ, **(env or {})})


def commit(folder, hours_ago=0):
    git(folder, "add", "-A")
    at = f"{int(time.time()) - 3600 * hours_ago} +0000"
    git(folder, "commit", "-q", "-m", "one", "--allow-empty", env={"GIT_COMMITTER_DATE": at, "GIT_AUTHOR_DATE": at})


def write(folder, path, lines=1):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("// two\n" * lines)


def told(folder, *words, base="", code=0):
    env = {**os.environ, "WEIRHOUSE_CI_BASE": base}
    done = subprocess.run(["tools/changed", *words], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


ALWAYS = ["base", "platform", "catalog", "iceberg", "contract", "policy", "gate", "iceberg_api"]    # under the address sanitizer


def test_of_one_commit_every_room_counts_as_changed(repository):
    assert "not known, so every one" in told(repository)
    assert {*ALWAYS, "transform", "serving"} <= set(told(repository, "address").split())


def test_on_main_a_day_of_commits_counts(repository):
    for room in ("rules/transform", "work/serving"):
        write(repository, f"src/{room}/a.cc")
        commit(repository, hours_ago=3)
    commit(repository)
    assert "half a day before HEAD" in told(repository)
    assert told(repository, "address").split() == [*ALWAYS, "transform", "serving"]


def test_what_is_older_than_half_a_day_does_not(repository):
    write(repository, "src/rules/transform/a.cc")
    commit(repository, hours_ago=14)
    commit(repository)
    assert told(repository, "address").split() == ALWAYS


def test_on_a_branch_the_base_is_where_it_left_main(repository):
    git(repository, "checkout", "-q", "-b", "work")
    for room in ("rules/transform", "work/serving"):    # the second is not committed yet
        commit(repository)
        write(repository, f"src/{room}/a.cc")
    (repository / "src/work/serving/b.cc").write_text("const auto thread = StartThread(body);\n")
    assert "where HEAD left main" in told(repository)
    assert told(repository, "address").split() == [*ALWAYS, "transform", "serving"]
    assert told(repository, "thread").split() == ["serving"]
    assert "thread sanitizer finds no thread in: transform\n" in told(repository)
    assert told(repository, "address", base="HEAD").split() == [*ALWAYS, "serving"]


def test_a_base_that_is_named_and_not_there_is_said(repository):
    assert "which is no commit here" in told(repository, base="v9.9")


def test_what_is_beyond_the_budget_is_named(repository):
    write(repository, "src/rules/transform/b_test.cc", 30_000)
    write(repository, "src/work/serving/b_test.cc", 10)
    commit(repository)
    assert told(repository, "address").split() == [*ALWAYS, "serving"]
    assert "address sanitizer leaves to tools/ci-full, beyond its budget: transform\n" in told(repository)


@pytest.mark.parametrize("path", ["cmake/room.cmake", "src/ground/base/failpoint.cc", "src/testing/plants.h", "CMakePresets.json"])
def test_a_release_build_takes_half_of_the_budget_of_the_other_rooms(repository, path):
    assert told(repository, "release") == "no\n"
    write(repository, "src/rules/transform/a.cc")
    write(repository, path)
    commit(repository)
    assert told(repository, "release") == "yes\n"
    assert told(repository, "address").split() == [*ALWAYS, "transform"]
    assert "leaves to tools/ci-full" not in told(repository)
    write(repository, "src/rules/transform/b_test.cc", 10_000)
    commit(repository)
    assert told(repository, "address").split() == ALWAYS
    assert "beyond its budget, half of which a release build takes: transform\n" in told(repository)
