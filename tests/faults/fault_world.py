"""The project that is hurt: two sources, tables over tables, a gate, a table that others write, views, a model.

A project knows its place, so every copy of a stage is put at one and the same home before it is used.
"""
import json
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent, HERE.parent / "crash", HERE.parent / "catalog"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from edits import FILES as LAB  # noqa: E402
from project import Project, environment  # noqa: E402

TRIPS = LAB["contracts/a.odcs.yaml"].replace("id: a\n", "id: trips\n").replace("name: a\n", "name: trips\n")
FILES = {
    **LAB,
    "weirhouse.yaml": "name: lab\nversion: 1\nclock: replay\nsources:\n"
                      "  a: { landing: landing/a/, batch: { by: name, pattern: '{date}' } }\n"
                      "  b: { landing: landing/b/, format: csv, after: delete, batch: { by: name, pattern: '{date}' } }\n"
                      "alerts:\n  - { when: gate_failed, command: ['true'] }\n",
    "contracts/b.odcs.yaml": LAB["contracts/a.odcs.yaml"].replace("id: a\n", "id: b\n").replace("name: a\n", "name: b\n"),
    "contracts/trips.odcs.yaml": TRIPS,
    "processed/a.sql": "-- wh: table processed.a; key id; order at; event at; history keep\n"
                       "SELECT r.id, r.n, r.at FROM records.a AS r\n",
    "processed/b.sql": "-- wh: table processed.b; key id; order at; event at\nSELECT r.id, r.n, r.at FROM records.b AS r\n",
    "processed/both.sql": "-- wh: table processed.both; key id; event at; mode full\n"
                          "SELECT a.id, a.n, b.n AS m, a.at FROM processed.a AS a JOIN processed.b AS b USING (id)\n",
    "processed/trips.sql": "-- wh: table processed.trips; key id; event at; mode external; contract trips\n",
    "features/trips.yaml": "feature_view: trips\nversion: 1\nentity: { id: string }\nsource: processed.trips\nevent_time: at\n"
                           "known_time: { delay: 0s }\nwindows: [24h]\nfeatures: { n: { agg: sum, of: n } }\nonline: { fill: stream }\n",
}
LIMIT = 1000    # of the gate of processed.a: greater values halt
KEYS = 6


def write_files(folder):
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    for source in "ab":
        (folder / "landing" / source).mkdir(parents=True)


def records(dice, day, bad):
    """One day's records of `a`: corrections, repeats, one that breaks its contract; `bad`: one beyond the gate's limit.

    No two records of a key have one time and different content, so which stands is no matter of digests.
    """
    made = [{"id": f"k{dice.randrange(KEYS)}", "n": dice.randrange(LIMIT), "at": f"2024-01-{day:02d}T{hour:02d}:00:00Z"}
            for hour in sorted(dice.sample(range(24), 5))]
    made.append(dict(made[0]))
    if bad:
        made[4]["n"] = LIMIT + day    # the newest of its key, so that the gate sees it
    if dice.random() < 0.5:
        made.insert(2, {"n": "no key"})
    return made


def lines(made):
    return "".join(json.dumps(record) + "\n" for record in made).encode()


def table(made):
    """The same as CSV with a header."""
    return ("id,n,at\n" + "".join(f"{r.get('id', '')},{r['n']},{r.get('at', '')}\n" for r in made)).encode()


def land(project, source, day, made):
    suffix, data = ("jsonl", lines(made)) if source == "a" else ("csv", table(made))
    project.land(source, f"2024-01-{day:02d}.{suffix}", data)


def halted(project):
    """{batch: run} of what a gate holds back, asked of the catalog."""
    from lake import Catalog
    with Catalog(project.folder) as catalog:
        if not catalog.has("run"):
            return {}
        return {row["name"]: f"r{row['id']}" for row in catalog.rows("SELECT id, name FROM run WHERE state = 'halted'")}


class Stages:
    """Copies of one project at points of its life, all of the same place."""

    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.home = self.base / "home" / "lab"
        self.project = Project(self.home)
        self.copies = {}

    def keep(self, name):
        self.copies[name] = self.base / "stages" / name
        shutil.copytree(self.home, self.copies[name], symlinks=True, ignore=shutil.ignore_patterns("daemon.sock"))

    def put(self, name):
        """The project as it was at `name`."""
        remove(self.home)
        shutil.copytree(self.copies[name], self.home, symlinks=True)
        return self.project


def remove(folder):
    """Also what is read-only."""
    if not folder.exists():
        return
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


__all__ = ["FILES", "Project", "Stages", "environment", "halted", "land", "records", "remove", "write_files"]
