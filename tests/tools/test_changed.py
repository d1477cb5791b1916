"""What tools/changed takes of a change, and that it names what it leaves."""
import os
import shutil
import subprocess

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
    commit(tmp_path)
    return tmp_path


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=folder, check=True, capture_output=True)


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one", "--allow-empty")


def write(folder, path, lines=1):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("// two\n" * lines)


def told(folder, *words, base="", code=0):
    env = {**os.environ, "WEIRHOUSE_CI_BASE": base}
    done = subprocess.run(["tools/changed", *words], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_of_one_commit_every_room_counts_as_changed(repository):
    assert "not known, so every one" in told(repository)
    assert {"base", "gate", "contract", "serving"} <= set(told(repository, "address").split())


def test_on_main_the_first_parent_is_the_base(repository):
    write(repository, "src/rules/gate/a.cc")
    commit(repository)
    assert "HEAD's first parent" in told(repository)
    assert told(repository, "address").split() == ["contract", "gate"]
    commit(repository)
    assert told(repository, "address").split() == ["contract"]


def test_on_a_branch_the_base_is_where_it_left_main(repository):
    git(repository, "checkout", "-q", "-b", "work")
    for room in ("rules/gate", "work/serving"):    # the second is not committed yet
        commit(repository)
        write(repository, f"src/{room}/a.cc")
    (repository / "src/work/serving/b.cc").write_text("const auto thread = StartThread(body);\n")
    assert "where HEAD left main" in told(repository)
    assert told(repository, "address").split() == ["contract", "gate", "serving"]
    assert told(repository, "thread").split() == ["serving"]
    assert "thread sanitizer finds no thread in: gate\n" in told(repository)
    assert told(repository, "address", base="HEAD").split() == ["contract", "serving"]


def test_a_base_that_is_named_and_not_there_is_said(repository):
    assert "which is no commit here" in told(repository, base="v9.9")


def test_what_is_beyond_the_budget_is_named(repository):
    write(repository, "src/ground/iceberg/b_test.cc", 30_000)
    write(repository, "src/rules/gate/b_test.cc", 10)
    commit(repository)
    assert told(repository, "address").split() == ["contract", "gate"]
    assert "address sanitizer leaves to tools/ci-full, beyond its budget: iceberg\n" in told(repository)


@pytest.mark.parametrize("path", ["cmake/room.cmake", "src/ground/base/failpoint.cc", "src/testing/plants.h", "CMakePresets.json"])
def test_a_release_build_takes_the_time_of_the_sanitizers(repository, path):
    assert told(repository, "release") == "no\n"
    write(repository, "src/rules/gate/a.cc")
    write(repository, path)
    commit(repository)
    assert told(repository, "release") == "yes\n"
    assert told(repository, "address").split() == ["contract"]
    assert "a release build takes its time:" in told(repository) and "gate" in told(repository)
