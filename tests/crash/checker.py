"""Checks what must hold of a project after any crash: invariants I1 to I7, by other code than ours.

    python checker.py PROJECT       what can be checked of a project without knowing what landed

Each violation is one line that begins with the invariant's name:
  I1 no loss            what was landed, or taken from the landing folder, is in raw; once drained, each
                        record is in exactly one state
  I2 single effect      each processed table holds what the landed bytes say, one current row a key
  I3 raw immutable      the bytes of each raw object are those that landed
  I4 atomic snapshots   each table's pointer leads to whole files: metadata, manifests, Parquet
  I5 offsets            a consumer stands at the last commit whose effect is visible, and none is skipped
  I6 lineage total      each snapshot has one run that read what exists
  I7 gate               nothing stands in a table that its gate did not let through
"""
import csv
import dataclasses
import json
import pathlib
import sys

import oracle
from lake import Catalog, Table, local, sha256_of

SOURCES = ("plane", "departure", "arrival", "weather")
PUBLISHING = ("passed", "warned", "warming", "skipped")
CONSUMERS = {"processed": "raw", "feature": "processed"}    # consumer → the layer it reads


@dataclasses.dataclass
class Landed:
    """One file that the harness landed, and where it keeps its own copy."""
    source: str
    name: str
    copy: pathlib.Path
    excluded: bool = False    # its batch was discarded at the gate

    @property
    def digest(self):
        return sha256_of(self.copy)


class Check:
    GATED = {"processed.arrival": "arrival"}    # table → its gate

    def __init__(self, project, landed, drained):
        self.project = pathlib.Path(project)
        self.landed = landed
        self.drained = drained
        self.violations = []
        self.hashed = {}

    def fail(self, text):
        self.violations.append(text)

    def guard(self, name, function):
        """A file that cannot be read is a violation of what was being checked."""
        try:
            function()
        except Exception as error:    # whatever a damaged file does to a reader
            self.fail(f"{name}: {type(error).__name__}: {error}")

    def run(self):
        if not (self.project / ".weirhouse/catalog.db").exists():
            return ["I4: the project has no catalog"]
        with Catalog(self.project) as self.catalog:
            if not self.catalog.has("commit_log"):
                return [] if not self.drained else ["I1: the catalog is empty"]
            self.guard("I1", self.check_landed)
            self.guard("I3", self.check_raw)
            self.guard("I4", self.check_tables)
            self.guard("I5", self.check_offsets)
            self.guard("I6", self.check_lineage)
            self.guard("I7", self.check_gates)
            if self.drained:
                self.guard("I1", self.check_states)
                self.guard("I2", self.check_rows)
                self.guard("I2", self.check_features)
        return self.violations

    # ---- I1
    def check_landed(self):
        known = {(row["source"], row["name"], row["digest"])
                 for row in self.catalog.rows("SELECT source, name, digest FROM object")}
        for file in self.landed:
            waits = (self.project / "landing" / file.source / file.name).exists()
            taken = (file.source, file.name, file.digest) in known
            if not taken and (self.drained or not waits):
                self.fail(f"I1: {file.source}/{file.name} was landed and is neither in raw nor waiting")

    def check_states(self):
        total = {}
        for row in self.catalog.rows("SELECT source, sum(record_count) AS n FROM object "
                                     "WHERE state <> 'duplicate' GROUP BY source"):
            total[row["source"]] = row["n"]
        states = {}
        for row in self.catalog.rows(
                "SELECT r.source, r.state, sum(r.count) AS n FROM record_state r JOIN commit_log c "
                "ON c.seq = r.seq WHERE c.state = 'committed' GROUP BY 1, 2"):
            if row["n"] < 0:
                self.fail(f"I1: {row['source']} has {row['n']} records in state {row['state']}")
            states.setdefault(row["source"], {})[row["state"]] = row["n"]
        for source in SOURCES:
            counted = {state: n for state, n in states.get(source, {}).items() if n}
            if sum(counted.values()) != total.get(source, 0):
                self.fail(f"I1: {source} has {total.get(source, 0)} records and {sum(counted.values())} "
                          f"in a state: {counted}")
            wanted = self.expected(source).states
            if counted != wanted:
                self.fail(f"I1: {source} records are counted as {counted}, the landed bytes say {wanted}")

    # ---- I2
    def expected(self, source):
        if not hasattr(self, "expectations"):
            self.expectations = {}
        if source not in self.expectations:
            with open(self.project / "seeds/airlines.csv", newline="") as seeds:
                airlines = {row["carrier"]: row["name"] for row in csv.DictReader(seeds)}
            files, excluded, seen = [], set(), set()
            for file in self.landed:
                if file.source != source or (file.name, file.digest) in seen:
                    continue    # the same object again changes nothing
                seen.add((file.name, file.digest))
                data = file.copy.read_bytes()
                files.append(data)
                if file.excluded:
                    excluded.add(data)
            self.expectations[source] = oracle.expect(source, files, airlines, excluded)
        return self.expectations[source]

    def table(self, name):
        location = self.catalog.one("SELECT metadata_location FROM table_pointer WHERE name = ?", name)
        return None if location is None else Table(location)

    def rows(self, name):
        """The declared columns of a table's rows, times as microseconds."""
        table = self.table(name)
        current = table.current() if table else None
        data = current.rows() if current else None
        if data is None:
            return []
        columns = [c for c in data.column_names if not c.startswith("_")]
        values = []
        for column in columns:
            array = data[column]
            if str(array.type).startswith("timestamp"):
                array = array.cast("int64")
            values.append(array.to_pylist())
        return [dict(zip(columns, row)) for row in zip(*values)]

    def check_rows(self):
        for source in SOURCES:
            expected = self.expected(source)
            found = self.rows(f"processed.{source}")
            keys = [tuple(row[name] for name in oracle.KEYS[source]) for row in found]
            if len(set(keys)) != len(keys):
                self.fail(f"I2: processed.{source} has {len(keys) - len(set(keys))} keys with two current rows")
            wanted = {oracle.frozen(row) for row in expected.rows.values()}
            self.compare(f"processed.{source}", found, wanted)
        self.compare("processed.arrival_history", self.rows("processed.arrival_history"),
                     self.expected("arrival").versions)

    def compare(self, name, found, wanted):
        have = {oracle.frozen(row) for row in found}
        if len(have) != len(found):
            self.fail(f"I2: {name} holds {len(found) - len(have)} rows twice")
        for row in list(have - wanted)[:2]:
            self.fail(f"I2: {name} has a row that nothing landed explains: {dict(row)}")
        for row in list(wanted - have)[:2]:
            self.fail(f"I2: {name} lacks a row: {dict(row)}")

    def check_features(self):
        """Each version in the history is in the feature tables that read it, once."""
        history = self.expected("arrival").versions
        for view, entity in (("carrier_delay", "carrier"), ("origin_delay", "origin"), ("tail_delay", "tailnum")):
            wanted = sorted((row[entity], row["arrived_at"], row["reported_at"])
                            for row in map(dict, history) if row[entity] is not None)
            found = sorted((row[entity], row["event_time"], row["known_time"])
                           for row in self.rows(f"feature.{view}_v1") if row[entity] is not None)
            if found != wanted:
                self.fail(f"I2: feature.{view}_v1 has {len(found)} rows where the history has {len(wanted)}")

    # ---- I3
    def lines_of(self, file):
        return oracle.lines_of(file.copy.read_bytes(), file.source)[0]

    def check_raw(self):
        by_identity = {(file.source, file.name, file.digest): file for file in self.landed}
        for row in self.catalog.rows("SELECT * FROM object WHERE state <> 'duplicate'"):
            name = f"{row['source']}/{row['name']}"
            path = local(row["path"])
            if not path.exists():
                self.fail(f"I3: the raw object of {name} is gone: {path}")
                continue
            if sha256_of(path) != row["digest"]:
                self.fail(f"I3: the raw object of {name} does not match its digest: {path}")
            if path.stat().st_mode & 0o222:
                self.fail(f"I3: the raw object of {name} can be written: {path}")
            file = by_identity.get((row["source"], row["name"], row["digest"]))
            if self.landed and file is None:
                self.fail(f"I3: {name} is in raw with bytes that never landed")
            elif file is not None:
                lines = self.lines_of(file)
                if len(lines) != row["record_count"]:
                    self.fail(f"I1: {name} has {len(lines)} records, the catalog says {row['record_count']}")

    # ---- I4
    def check_tables(self):
        for pointer in self.catalog.rows("SELECT * FROM table_pointer"):
            name = pointer["name"]
            self.guard(f"I4: {name}", lambda: self.check_table(name, pointer))

    def check_table(self, name, pointer):
        table = Table(pointer["metadata_location"])
        if table.metadata["table-uuid"] != pointer["uuid"]:
            self.fail(f"I4: {name}: its metadata belongs to another table")
        published = self.catalog.rows("SELECT * FROM snapshot WHERE table_name = ? AND ref = 'main' "
                                      "ORDER BY id DESC LIMIT 1", name)
        current = table.metadata.get("current-snapshot-id")
        if published and published[0]["snapshot_id"] != current:
            self.fail(f"I4: {name}: metadata shows snapshot {current}, the catalog published "
                      f"{published[0]['snapshot_id']}")
        self.check_file(name, table.path)
        for snapshot in table.metadata["snapshots"]:
            for path in table.snapshot(snapshot["snapshot-id"]).paths():
                self.check_file(name, path)
        snapshot = table.current()
        if snapshot is None:
            return
        rows = snapshot.rows()
        count = 0 if rows is None else rows.num_rows
        if published and count != published[0]["total_rows"]:
            self.fail(f"I4: {name} has {count} rows, its snapshot was published with {published[0]['total_rows']}")

    def check_file(self, name, path):
        if path in self.hashed:
            return
        row = self.catalog.rows("SELECT size_bytes, sha256 FROM file WHERE path = ?", str(path))
        if not path.exists():
            self.fail(f"I4: {name}: a file is gone: {path}")
        elif not row:
            self.fail(f"I4: {name}: no commit wrote the file {path}")
        elif sha256_of(path) != row[0]["sha256"]:
            self.fail(f"I4: {name}: a file does not match its digest: {path}")
        self.hashed[path] = True

    # ---- I5
    def consumed(self, layer):
        """The commits of `layer` whose effect is published, and by how many runs each."""
        counts = {}
        for row in self.catalog.rows(
                "SELECT src.key AS seq, run.id AS run FROM edge e JOIN node src ON src.id = e.src "
                "JOIN node dst ON dst.id = e.dst JOIN run ON 'r' || run.id = dst.key "
                "JOIN commit_log c ON CAST(c.seq AS TEXT) = src.key "
                "WHERE src.kind = 'commit' AND dst.kind = 'run' AND e.kind = 'read' AND c.layer = ? "
                "AND run.state IN ('committed', 'discarded')", layer):
            counts[int(row["seq"])] = counts.get(int(row["seq"]), 0) + 1
        return counts

    def check_offsets(self):
        for consumer, layer in CONSUMERS.items():
            position = self.catalog.one("SELECT position FROM consumer_offset WHERE consumer = ?", consumer) or 0
            commits = [row["seq"] for row in self.catalog.rows(
                "SELECT seq FROM commit_log WHERE layer = ? AND state = 'committed' ORDER BY seq", layer)]
            effects = self.consumed(layer)
            for seq, runs in effects.items():
                if runs > 1:
                    self.fail(f"I5: {consumer}: commit {seq} was consumed by {runs} runs")
            if max(effects, default=0) > position:
                self.fail(f"I5: {consumer} stands at {position}, the effect of {max(effects)} is visible")
            missing = [seq for seq in commits if seq <= position and seq not in effects]
            if missing:
                self.fail(f"I5: {consumer} stands at {position} and skipped {missing}")
            behind = [seq for seq in commits if seq > position]
            if self.drained and behind:
                self.fail(f"I5: {consumer} stands at {position}, {len(behind)} commits wait though nothing runs")

    # ---- I6
    def check_lineage(self):
        broken = self.catalog.rows(
            "SELECT s.table_name, s.snapshot_id FROM snapshot s LEFT JOIN run r ON r.id = s.run "
            "LEFT JOIN commit_log c ON c.seq = s.seq AND c.run = s.run "
            "WHERE r.id IS NULL OR c.seq IS NULL OR r.state NOT IN ('committed', 'halted', 'discarded')")
        for row in broken:
            self.fail(f"I6: snapshot {row['snapshot_id']} of {row['table_name']} has no run that published it")
        for row in self.catalog.rows(
                "SELECT n.key, count(e.src) AS runs FROM node n LEFT JOIN edge e ON e.dst = n.id AND e.kind = 'wrote' "
                "LEFT JOIN node r ON r.id = e.src AND r.kind = 'run' WHERE n.kind = 'snapshot' GROUP BY n.id"):
            if row["runs"] < 1:
                self.fail(f"I6: snapshot {row['key']} was written by no run")
        for row in self.catalog.rows(
                "SELECT e.seq FROM edge e LEFT JOIN node a ON a.id = e.src LEFT JOIN node b ON b.id = e.dst "
                "WHERE a.id IS NULL OR b.id IS NULL"):
            self.fail(f"I6: an edge of commit {row['seq']} leads to nothing")
        read = {(row["run"], row["kind"], row["key"]) for row in self.catalog.rows(
            "SELECT d.key AS run, s.kind, s.key FROM edge e JOIN node s ON s.id = e.src JOIN node d ON d.id = e.dst "
            "WHERE d.kind = 'run' AND e.kind = 'read'")}
        readers = {run for run, _, _ in read}
        for row in self.catalog.rows(
                "SELECT s.table_name, s.seq, 'r' || s.run AS run FROM snapshot s JOIN commit_log c ON c.seq = s.seq "
                "WHERE s.ref = 'main' AND s.added_rows > 0 AND c.layer IN ('feature', 'rebuild')"):
            if row["run"] not in readers:
                self.fail(f"I6: run {row['run']} wrote {row['table_name']}@{row['seq']} and read nothing")
        objects = {}
        for row in self.catalog.rows("SELECT 'o' || id AS id, seq FROM object WHERE state <> 'duplicate'"):
            objects.setdefault(str(row["seq"]), []).append(row["id"])
        for run, kind, key in read:
            if kind != "commit":
                continue
            for name in objects.get(key, ()):    # a run that used a raw commit up has read all of its objects
                if (run, "object", name) not in read:
                    self.fail(f"I6: run {run} used up commit {key} and did not read object {name}")
        last = None
        for row in self.catalog.rows("SELECT seq FROM commit_log ORDER BY seq"):
            if last is not None and row["seq"] != last + 1:
                self.fail(f"I6: the log of commits has a gap after {last}")
            last = row["seq"]
        known = {row[0] for row in self.catalog.rows("SELECT 'o' || id FROM object")}
        for row in self.catalog.rows("SELECT key FROM node WHERE kind = 'object'"):
            if row["key"] not in known:
                self.fail(f"I6: lineage names an object that does not exist: {row['key']}")

    # ---- I7
    def check_gates(self):
        for row in self.catalog.rows(
                "SELECT v.gate, v.state, v.batch, v.run FROM verdict v JOIN snapshot s ON s.run = v.run "
                "AND s.ref = 'main' AND s.table_name = v.table_name WHERE v.override_reason = ''"):
            if row["state"] not in PUBLISHING:
                self.fail(f"I7: run r{row['run']} published {row['batch']} though gate {row['gate']} {row['state']}")
        judged = {(row["batch"], row["gate"]) for row in self.catalog.rows("SELECT batch, gate FROM verdict")}
        for row in self.catalog.rows(
                "SELECT DISTINCT c.batch, s.table_name FROM snapshot s JOIN commit_log c ON c.seq = s.seq "
                "WHERE c.layer = 'processed' AND s.ref = 'main' AND s.added_rows > 0"):
            gate = self.GATED.get(row["table_name"])
            if gate and (row["batch"], gate) not in judged:
                self.fail(f"I7: {row['table_name']} took batch {row['batch']}, which no gate judged")


def check(project, landed=(), drained=False):
    """All violations, as text; empty if everything holds."""
    return Check(project, list(landed), drained).run()


def main():
    violations = check(sys.argv[1])
    for violation in violations:
        print(violation)
    print(f"violations {len(violations)}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
