"""What the campaign relies on: its library fails the very call it was asked to, its comparison sees what differs."""
import collections
import errno
import os
import pathlib
import random
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import calls  # noqa: E402
import content  # noqa: E402
from fault_world import Project, land, records, write_files  # noqa: E402

MAKE = "import os, sys\nfor name in 'abcd':\n    try:\n        os.mkdir(f'{sys.argv[1]}/{name}')\n" \
       "    except OSError as error:\n        print(name, error.errno)\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return calls.build_library(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("sticky", (False, True))
def test_the_library_fails_the_nth_call_alone_or_all_from_then_on(tmp_path, library, sticky):
    armed = {"LD_PRELOAD": str(library), "FAULT_UNDER": str(tmp_path), "FAULT_CALL": "mkdir", "FAULT_AT": "2",
             "FAULT_ERRNO": str(errno.ENOSPC), "FAULT_LOG": str(tmp_path) + ".log", **({"FAULT_STICKY": "1"} if sticky else {})}
    for folder, failed in ((tmp_path, "bcd" if sticky else "b"), (tmp_path.parent / f"beside-{sticky}", "")):
        folder.mkdir(exist_ok=True)
        done = subprocess.run([sys.executable, "-c", MAKE, str(folder)], env={**os.environ, **armed}, capture_output=True, text=True)
        assert done.stdout.split("\n")[:-1] == [f"{name} {errno.ENOSPC}" for name in failed], done.stderr
    assert pathlib.Path(f"{tmp_path}.log").read_text().splitlines()[0] == f"2 mkdir {tmp_path}/b"


@pytest.mark.parametrize("verb", (("run",), ("feature", "get", "f@1:*", "id=k0", "--at", "2024-01-12T00:00:00Z")))
def test_a_file_of_the_cache_that_cannot_be_opened_is_no_internal_error(tmp_path, library, verb):
    project = Project(tmp_path / "lab")
    write_files(project.folder)
    project.wh("init")
    project.apply()
    land(project, "a", 1, records(random.Random(1), 1, bad=False))
    project.wh("ingest")
    log = tmp_path / "opens"
    armed = {"LD_PRELOAD": str(library), "FAULT_UNDER": f"{project.folder}/.weirhouse/kv", "FAULT_CALL": "open",
             "FAULT_ERRNO": str(errno.EIO)}
    project.wh(*verb, env={**armed, "FAULT_LOG": str(log)})
    opens = len(log.read_text().splitlines())
    assert opens > 3
    for number in range(1, opens + 1):
        done = project.wh(*verb, env={**armed, "FAULT_AT": str(number)}, code=None)
        assert done.returncode in (0, 8, 11) and "WH7030" not in done.stderr, (number, done.stderr)
    project.wh(*verb)


@pytest.mark.parametrize("more, failed", [({"FAULT_FOR": "2"}, "bc"), ({"FAULT_STICKY": "1", "FAULT_WHILE": "/nowhere/at/all"}, ""),
                                          ({"FAULT_CALL": "write,mkdir"}, "b"), ({"FAULT_CALL": "write,create"}, "")])
def test_the_library_fails_some_calls_in_a_row_of_several_kinds_and_while_a_file_is_there(tmp_path, library, more, failed):
    armed = {"LD_PRELOAD": str(library), "FAULT_UNDER": str(tmp_path), "FAULT_CALL": "mkdir", "FAULT_AT": "2", **more}
    done = subprocess.run([sys.executable, "-c", MAKE, str(tmp_path)], env={**os.environ, **armed}, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == [f"{name} {errno.EIO}" for name in failed], done.stderr


def test_a_lost_a_doubled_and_a_changed_row_differ_from_the_twin():
    twin = {"processed.a": collections.Counter({("1",): 1, ("2",): 1})}
    assert content.differences({"processed.a": collections.Counter({("1",): 1, ("2",): 1})}, twin) == []
    for rows in ({("1",): 1}, {("1",): 1, ("2",): 2}, {("1",): 1, ("3",): 1}):
        assert content.differences({"processed.a": collections.Counter(rows)}, twin)
    assert content.differences({}, twin)


def test_the_definition_leaves_out_what_was_discarded_and_keeps_the_newest():
    first = [{"id": "k", "n": 1, "at": "2024-01-01T00:00:00Z"}, {"n": "no key"}]
    second = [{"id": "k", "n": 2, "at": "2024-01-02T00:00:00Z"}]
    both = content.expected([(first, False), (second, False)])
    assert [row[1] for row in both["processed.a"]] == ["2"] and len(both["processed.a_history"]) == 2
    assert [row[1] for row in content.expected([(first, False), (second, True)])["processed.a"]] == ["1"]


def test_every_verb_and_every_call_is_in_the_campaign():
    made = calls.specs(450, seed=1)
    assert {(spec["verb"], spec["call"]) for spec in made} == {(verb, call) for verb in calls.VERBS for call in calls.KINDS}
    assert made == calls.specs(450, seed=1) != calls.specs(450, seed=2)
