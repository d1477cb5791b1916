"""While a definition file has errors, verbs that only read go on over the project as it was applied last."""
import json

import pytest

from project import Project

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: s
version: 1.0.0
status: active
schema:
  - name: s
    logicalType: object
    properties:
      - { name: id, logicalType: string, required: true }
      - { name: v, logicalType: integer }
"""
FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nseeds:\n  zones: { path: seeds/zones.csv }\n"
                      "sources:\n  s: { landing: landing/s/ }\n",
    "contracts/s.odcs.yaml": CONTRACT,
    "seeds/zones.csv": "id,zone\na,north\nb,south\n",
    "processed/t.sql": "-- wh: table processed.t; key id\n"
                       "SELECT r.id, r.v, z.zone FROM records.s AS r JOIN ref.zones AS z ON z.id = r.id\n",
    "gates/t.yaml": "gate: t\ntable: processed.t\nchecks:\n  - range: { column: v, max: 100 }\n",
}
BROKEN = {  # a file of the project → what somebody left in it
    "training_sets/draft.yaml": "training_set: draft\n",
    "contracts/s.odcs.yaml": CONTRACT + "      - { name: v, logicalType: strin",
    "seeds/zones.csv": "id,zone\na,north\nb\n",
    "processed/t.sql": "-- wh: table processed.t; key id\nSELECT r.id, r.v FRM records.s AS r\n",
    "gates/t.yaml": "gate: t\ntable: processed.t\nchecks:\n  - range: { colum: v }\n",
    "models/m.yaml": "model: [\n",
}
READS = ["status", "quarantine list", "quarantine show s/2", "trace processed.t:a", "verify", "verify --rebuild", "gate list",
         "table list", "table history processed.t", "token list", "contract list", "model list"]
ACTS = ["plan", "apply --yes", "ingest", "ingest --dry-run", "gc", "gc --dry-run", "contract diff s"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("draft") / "lab")
    for path, text in FILES.items():
        project.write(path, text)
    project.wh("init")
    project.apply()
    project.land("s", "1.jsonl", b'{"id":"a","v":1}\n{"id":1}\n')
    project.wh("ingest")
    return project


@pytest.fixture(params=BROKEN)
def broken(lab, request):
    path = lab.folder / request.param
    right = path.read_text() if path.exists() else None
    lab.write(request.param, BROKEN[request.param])
    yield lab, request.param
    path.unlink() if right is None else path.write_text(right)


def test_what_reads_shows_what_was_applied_and_says_so(broken):
    lab, path = broken
    done = lab.wh("sql", "select id, v, zone from processed.t", "--json")
    assert [[row["id"], row["v"], row["zone"]] for row in json.loads(done.stdout)["rows"]] == [["a", 1, "north"]]
    assert "as it was applied last" in done.stderr and path in done.stderr
    assert path in lab.json("status")["files_refused"]
    assert lab.wh("sql", "select count(*) from ref.zones", "--csv").stdout.split()[-1] == "2"
    said = lab.wh("doctor", "--json", code=None).stdout
    assert path in said and '"chain"' in said


def test_every_verb_that_reads_goes_on_and_what_is_about_the_files_is_refused(lab):
    lab.write("training_sets/draft.yaml", BROKEN["training_sets/draft.yaml"])
    try:
        for words in READS:
            assert "training_sets/draft.yaml" in lab.wh(*words.split()).stderr, words
        for words in ACTS:
            done = lab.wh(*words.split(), code=2)
            assert "training_sets/draft.yaml" in done.stderr and "as it was applied" not in done.stderr, words
    finally:
        (lab.folder / "training_sets/draft.yaml").unlink()
    assert "files_refused" not in lab.json("status")


def test_without_an_apply_or_a_project_file_the_error_stands(tmp_path, lab):
    fresh = Project(tmp_path / "fresh")
    for path, text in {**FILES, "gates/t.yaml": BROKEN["gates/t.yaml"]}.items():
        fresh.write(path, text)
    assert "gates/t.yaml" in fresh.wh("status", code=2).stderr
    right = (lab.folder / "weirhouse.yaml").read_text()
    lab.write("weirhouse.yaml", right + "sources: [")
    try:
        assert "weirhouse.yaml" in lab.wh("status", code=2).stderr
    finally:
        lab.write("weirhouse.yaml", right)
