"""A daemon whose catalog is removed or moved under it takes nothing more, deletes nothing and ends."""
import json
import shutil

import pytest

from project import Project, wait_until

FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nsources:\n  s: { landing: landing/s/, after: delete }\n",
    "contracts/s.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: s\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: s\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n",
}


def take_away_catalog(project):
    for path in (project.folder / ".weirhouse").glob("catalog.db*"):
        path.unlink()


def take_away_state(project):
    shutil.rmtree(project.folder / ".weirhouse", ignore_errors=True)  # it writes there meanwhile


def move_state(project):
    (project.folder / ".weirhouse").rename(project.folder / "elsewhere")


def exchange_state(project):
    move_state(project)
    shutil.copytree(project.folder / "elsewhere", project.folder / ".weirhouse",
                    ignore=lambda _, names: [name for name in names if name.endswith(".sock")])


@pytest.mark.parametrize("take", [take_away_catalog, take_away_state, move_state, exchange_state])
def test_what_lands_stays_and_the_daemon_ends(tmp_path, take):
    project = Project(tmp_path / "lab")
    for path, text in FILES.items():
        project.write(path, text)
    project.wh("init")
    project.apply()
    landed = project.folder / "landing/s/2.jsonl"
    with project.serve() as daemon:
        project.land("s", "1.jsonl", b'{"id":"a"}\n')
        wait_until(lambda: not (project.folder / "landing/s/1.jsonl").exists(), 20, "the first file is taken in")
        take(project)
        project.land("s", "2.jsonl", b'{"id":"b"}\n')
        assert daemon.wait(30) == 8
    said = (project.folder / "serve.log").read_text()
    assert "WH7069" in said or "WH7100" in said, said
    assert landed.exists(), "nobody could find its bytes again"
    if take is move_state:
        shutil.rmtree(project.folder / ".weirhouse", ignore_errors=True)
        (project.folder / "elsewhere").rename(project.folder / ".weirhouse")
        project.wh("ingest")
        assert project.rows("select id from records.s order by id") == [{"id": "a"}, {"id": "b"}]
        assert json.loads(project.wh("verify", "--deep", "--json").stdout)["problems"] == []
