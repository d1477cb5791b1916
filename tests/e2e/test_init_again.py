"""`wh init` that was ended, wherever that was, is run again and makes a whole project."""
import os

from project import Project


def failpoints(folder, listed):
    """The failpoints that `init` passes, in their order."""
    folder.mkdir()
    Project(folder).wh("init", env={"WEIRHOUSE_FAILPOINT_LIST": str(listed)})
    return listed.read_text().split()


def test_an_init_that_was_killed_is_run_again(tmp_path):
    names = failpoints(tmp_path / "first", tmp_path / "listed")
    assert "catalog.commit.before" in names or len(names) >= 3, names
    for number, name in enumerate(names):
        folder = tmp_path / f"p{number}"
        folder.mkdir()
        project = Project(folder)
        assert project.wh("init", code=None, env={"WEIRHOUSE_FAILPOINT": name}).returncode == 137, name
        again = project.wh("init", code=None)
        assert again.returncode in (0, 5), (name, again.stderr)
        if again.returncode == 5:    # it was whole, and its token was never shown
            assert "token create" in again.stderr
        assert project.status()["adds_up"]
    project.wh("apply", "--yes")


def test_a_catalog_that_init_did_not_fill_is_no_state(tmp_path):
    project = Project(tmp_path)
    project.wh("init")
    state = tmp_path / ".weirhouse"
    for name in os.listdir(state):
        if name.startswith("catalog.db"):
            os.remove(state / name)
    (state / "catalog.db").write_bytes(b"")
    for verb in (["plan"], ["apply", "--yes"], ["status"]):
        done = project.wh(*verb, code=6)
        assert "WH8004" in done.stderr and "wh init" in done.stderr, done.stderr
    assert "token" in project.wh("init").stdout
    project.wh("apply", "--yes")
    assert "WH8005" in project.wh("init", code=5).stderr
