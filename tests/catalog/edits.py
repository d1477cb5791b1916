"""Edits rows of a catalog one at a time, as somebody with a database shell would, and asks `wh verify --deep`.

Each column of each table is changed in its first and its last row, rows are taken out, copied, and put under a commit
that does not exist, indexes and views are dropped, triggers made, bits are flipped in indexes. SQLite's own checksums
and indexes stay valid, but for the last kind. Every edit must be seen. `DECIDES_NOTHING` names what may pass, and why.

    .deps/venv/bin/python tests/catalog/edits.py            every edit
    .deps/venv/bin/python tests/catalog/edits.py --only setting
"""
import argparse
import collections
import json
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from project import Project  # noqa: E402

DECIDES_NOTHING = {
    "sqlite_sequence.seq": "numbers go on above it; SQLite takes the greater of it and the greatest number there is",
    "sqlite_sequence.name": "SQLite makes the row anew from the greatest number there is",
    "sqlite_sequence": "SQLite makes the row anew from the greatest number there is",
}
STATES = {"run": ("planned", "committed", "halted", "discarded", "failed"), "commit_log": ("committed", "halted"),
          "outbox": ("pending", "sent", "dead"), "delivery": ("pending", "delivered", "given_up", "dropped")}
FILES = {
    "weirhouse.yaml": "name: lab\nversion: 1\nsources:\n  a: { landing: landing/a/ }\n"
                      "alerts:\n  - { when: gate_failed, command: ['true'] }\n",
    "contracts/a.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n"
                             "  - name: a\n    logicalType: object\n    properties:\n"
                             "      - { name: id, logicalType: string, required: true }\n"
                             "      - { name: n, logicalType: integer }\n"
                             "      - { name: at, logicalType: timestamp, required: true }\n",
    "processed/a.sql": "-- wh: table processed.a; key id; order at; event at\nSELECT r.id, r.n, r.at FROM records.a AS r\n",
    "gates/a.yaml": "gate: a\ntable: processed.a\nchecks:\n  - range: { column: n, max: 1000 }\non_fail: { halt: true }\n",
    "features/f.yaml": "feature_view: f\nversion: 1\nentity: { id: string }\nsource: processed.a\nevent_time: at\n"
                       "known_time: { delay: 0s }\nwindows: [24h]\nfeatures: { n: { agg: count } }\nonline: { fill: stream }\n",
    "training_sets/s.yaml": "training_set: s\nspine: select a.id, a.\"at\" as t, a.n > 1 as y from processed.a a\ntime: t\nlabel: y\n"
                            "features: ['f@1:*']\n",
    "models/m.yaml": "model: m\ntraining_set: s\ntrain: { cmd: python train.py }\nmetrics: { acc: { min: 0 } }\n"
                     "serve: { python: score.py, request: [id, t], output: [score] }\n",
    "train.py": "import weirhouse\njob = weirhouse.current_job()\njob.metric('acc', 0.5)\n"
                "with open(job.path('m.json'), 'w') as file:\n    file.write('{}')\n",
    "score.py": "import pyarrow\ndef load(path):\n    return None\ndef predict(model, table):\n"
                "    return pyarrow.table({'score': [0.5] * table.num_rows})\n",
}


def make_world(folder):
    """A project whose catalog holds rows of nearly every kind."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    project = Project(folder)
    project.wh("init")
    project.apply()
    for day in (1, 2, 3):
        lines = [{"id": f"k{i}", "n": day, "at": f"2024-01-0{day}T0{i}:00:00Z"} for i in range(4)]
        lines.append({"n": "no key"})
        project.land("a", f"{day}.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        project.wh("ingest")
    project.land("a", "1.jsonl", (folder / "landing/a/1.jsonl").read_bytes())
    project.wh("ingest", code=None)
    project.land("a", "4.jsonl", b'{"id":"k0","n":5000,"at":"2024-01-04T00:00:00Z"}\n')
    project.wh("ingest", code=3)
    project.wh("token", "create", "--name", "ann", "--role", "reader", "--on", "processed")
    for table in ("raw.a", "processed.a"):
        project.wh("table", "compact", table, code=None)
        project.wh("table", "expire", table, "--keep", "1", "--older-than", "0s", code=None)
    for verb in (("train-set", "build", "s"), ("model", "train", "m"), ("model", "deploy", "m#1")):
        project.wh(*verb)
    project.wh("predict", "m", "id=k0", "t=2024-01-03T00:00:00Z", "--at", "2024-01-03T00:00:00Z")
    project.wh("verify", "--deep")
    return project


class Campaign:
    def __init__(self, project):
        self.project = project
        self.path = project.folder / ".weirhouse/catalog.db"
        with sqlite3.connect(self.path) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        db.close()
        self.clean = self.path.read_bytes()
        self.done = collections.Counter()
        self.unseen = []
        self.allowed = collections.Counter()

    def restore(self):
        for suffix in ("-wal", "-shm"):
            pathlib.Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.path.write_bytes(self.clean)

    def judge(self, kind, what):
        """Whether verify sees what was done; puts the catalog back."""
        seen = self.project.wh("verify", "--deep", code=None)
        self.restore()
        self.done[kind] += 1
        if seen.returncode in (2, 9, 11):    # 2 and 11: it is not opened at all
            return
        column = what.split("[")[0]
        if column in DECIDES_NOTHING:
            self.allowed[column] += 1
        else:
            self.unseen.append(f"{kind} {what}: verify ended with {seen.returncode}")

    def change(self, kind, what, sql, parameters=()):
        """One statement; False if the database itself refuses it."""
        db = sqlite3.connect(self.path, isolation_level=None)
        try:
            changed = db.execute(sql, parameters).rowcount
            db.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.IntegrityError:
            changed = 0
        finally:
            db.close()
        if changed == 0:
            self.restore()
            return False
        self.judge(kind, what)
        return True


def other_values(table, column, value):
    """Values that a column could as well have, the likeliest first."""
    if column == "state" and table in STATES:
        return [state for state in STATES[table] if state != value]
    if value is None:
        return [1, "x"]
    if isinstance(value, int):
        return [value + 1, value - 1, value + 1000, 1 - value]
    if isinstance(value, str):
        flipped = value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "x"
        return [flipped, value + "x", ""]
    return [b""]


def layout(db):
    """(table, columns, the expression that tells a row) of each table, the database's own counter included."""
    names = [name for name, in db.execute("select name from sqlite_master where type = 'table' order by name")]
    for table in names:
        columns = list(db.execute(f"pragma table_info({table})"))
        key = [column[1] for column in sorted(columns, key=lambda c: c[5]) if column[5]] or ["rowid"]
        yield table, [column[1] for column in columns], key


def edits_of(path):
    """Every edit as (kind, what, sql, parameters, alternatives)."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    edits = []
    for table, columns, key in layout(db):
        condition = " and ".join(f"{part} = ?" for part in key)
        listed = ", ".join(dict.fromkeys([*key, *columns]))
        order = ", ".join(key)
        rows = [db.execute(f"select {listed} from {table} order by {order} limit 1").fetchone(),
                db.execute(f"select {listed} from {table} order by {', '.join(f'{part} desc' for part in key)} limit 1").fetchone()]
        names = list(dict.fromkeys([*key, *columns]))
        for end, row in zip(("first", "last"), rows):
            if row is None or (end == "last" and row == rows[0]):
                continue
            value_of = dict(zip(names, row))
            where = [value_of[part] for part in key]
            for column in columns:
                tries = [(f"update {table} set {column} = ? where {condition}", [other, *where])
                         for other in other_values(table, column, value_of[column])]
                edits.append(("edit", f"{table}.{column}[{end}]", tries))
            edits.append(("removal", f"{table}[{end}]", [(f"delete from {table} where {condition}", where)]))
            copies = []
            for shift in (1000, 999_999):
                values = [value_of[c] + shift if c in key and isinstance(value_of[c], int) else
                          f"{value_of[c]}~" if c in (*key, "path", "id", "idempotency_key", "step_identity", "key", "name")
                          and isinstance(value_of[c], str) else value_of[c] for c in columns]
                copies.append((f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})", values))
            edits.append(("forged row", f"{table}[{end}]", copies))
            if "seq" in columns and "seq" not in key:
                edits.append(("commit that is not", f"{table}[{end}]",
                              [(f"update {table} set seq = 999999 where {condition}", where)]))
        if rows[0] is None:
            values = ["x" if column[2] == "TEXT" else 1 for column in db.execute(f"pragma table_info({table})")]
            values = [STATES.get(table, ["x"])[0] if name == "state" else value for name, value in zip(columns, values)]
            edits.append(("forged row", f"{table}[only]", [
                (f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})", values)]))
    for kind, name in db.execute("select type, name from sqlite_master where type in ('index', 'view') and sql is not null"):
        edits.append(("layout", f"{kind} {name}", [(f"drop {kind} {name}", [])]))
    for table, _, _ in layout(db):
        if not table.startswith("sqlite_"):
            edits.append(("layout", f"trigger on {table}", [
                (f"create trigger quiet after insert on {table} begin update counter set next = next; end", [])]))
    db.close()
    return edits


def index_flips(campaign, count, seed):
    """Single bits in pages of indexes, where SQLite itself says that an index no longer fits."""
    dice = random.Random(seed)
    db = sqlite3.connect(f"file:{campaign.path}?mode=ro", uri=True)
    size = db.execute("pragma page_size").fetchone()[0]
    pages = [page for page, in db.execute("select rootpage from sqlite_master where type = 'index' and rootpage > 0")]
    db.close()
    flipped = 0
    while flipped < count:
        bytes_ = bytearray(campaign.clean)
        at = (dice.choice(pages) - 1) * size + dice.randrange(size)
        bytes_[at] ^= 1 << dice.randrange(8)
        campaign.path.write_bytes(bytes_)
        try:
            check = sqlite3.connect(f"file:{campaign.path}?mode=ro", uri=True)
            fits = check.execute("pragma integrity_check(1)").fetchone()[0] == "ok"
        except sqlite3.DatabaseError:
            fits = False
        finally:
            check.close()
        if fits:
            campaign.restore()
            continue
        flipped += 1
        campaign.judge("index bit", f"byte {at}")


def run(folder, tables=None, share=1, flips=40, seed=1):
    """The campaign; `share`: one edit of so many."""
    campaign = Campaign(make_world(folder))
    edits = [edit for edit in edits_of(campaign.path) if not tables or edit[1].split(".")[0].split("[")[0] in tables]
    random.Random(seed).shuffle(edits)
    for kind, what, tries in edits[::share]:
        if not any(campaign.change(kind, what, sql, parameters) for sql, parameters in tries):
            campaign.done[f"{kind}: refused by the database"] += 1
    index_flips(campaign, flips, seed)
    campaign.project.wh("verify", "--deep")
    return campaign


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="a table")
    parser.add_argument("--share", type=int, default=1, help="one edit of so many")
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wh-edits-"))
    try:
        campaign = run(folder, options.only, options.share, options.flips, options.seed)
    finally:
        for path in folder.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(folder)
    for kind, count in sorted(campaign.done.items()):
        print(f"{count:5} {kind}")
    for column, count in sorted(campaign.allowed.items()):
        print(f"{count:5} pass: {column} ({DECIDES_NOTHING[column]})")
    for line in campaign.unseen:
        print("UNSEEN", line)
    return 1 if campaign.unseen else 0


if __name__ == "__main__":
    sys.exit(main())
