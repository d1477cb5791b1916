"""What a project holds, read from its catalog and its files by other code than the product's, to be compared with a twin.

Left out is what no two lives share: identities of runs and snapshots, times of the clock, the columns that are hidden.
"""
import collections
import json

import oracle
from lake import Catalog, Table, local, sha256_of

PER_LIFE = {"run", "_record", "_ingested_at", "_commit_seq", "_unknown", "arrived_at", "path", "first_record_id", "record",
            "winner"}
KEPT_SETTINGS = ("deployed/", "deployment/", "contract/")


def rows_of(table):
    """A multiset of the declared columns of a table's current rows."""
    current = table.current()
    data = current.rows() if current else None
    if data is None:
        return collections.Counter()
    names = [name for name in data.column_names if name not in PER_LIFE and not name.startswith("_")]
    columns = []
    for name in names:
        column = data[name]
        if str(column.type).startswith("timestamp"):
            column = column.cast("int64")
        columns.append([repr(value) for value in column.to_pylist()])
    return collections.Counter(zip(*columns)) if names else collections.Counter()


def contents(folder, only=None):
    """{what: multiset} of everything that two equal lives share. `only`: these tables, and nothing else."""
    found = {}
    with Catalog(folder) as catalog:
        if not catalog.has("commit_log"):
            return {"catalog": "none"}
        for row in catalog.rows("SELECT name, metadata_location, kind FROM table_pointer"):
            if row["kind"] == "table" and (only is None or row["name"] in only):
                found[row["name"]] = rows_of(Table(row["metadata_location"]))
        if only is not None:
            return found
        found["objects"] = collections.Counter(tuple(row) for row in catalog.rows(
            "SELECT source, name, digest, record_count, state FROM object WHERE state <> 'duplicate'"))
        found["states"] = collections.Counter({tuple(row)[:2]: row["n"] for row in catalog.rows(
            "SELECT r.source, r.state, sum(r.count) AS n FROM record_state r JOIN commit_log c ON c.seq = r.seq "
            "WHERE c.state = 'committed' GROUP BY 1, 2") if row["n"]})
        found["decisions"] = collections.Counter(tuple(row) for row in catalog.rows(
            "SELECT DISTINCT gate, batch, state, override_reason FROM verdict WHERE run IN "
            "(SELECT id FROM run WHERE state <> 'planned')"))
        found["settings"] = collections.Counter(row["key"] for row in catalog.rows("SELECT key FROM setting")
                                                if row["key"].startswith(KEPT_SETTINGS))
        found["nodes"] = collections.Counter(tuple(row) for row in catalog.rows(
            "SELECT kind, key FROM node WHERE kind IN ('model', 'deployment', 'training_set', 'view', 'contract')"))
        found["tokens"] = collections.Counter(
            (value["name"], value["role"]) for value in (json.loads(row["value"]) for row in catalog.rows(
                "SELECT value FROM setting WHERE key LIKE 'token/%'")))
        for row in catalog.rows("SELECT path, sha256 FROM file WHERE kind = 'artifact'"):
            if sha256_of(local(row["path"])) != row["sha256"]:
                found[f"artifact {row['path']}"] = "differs"
    return found


def differences(found, wanted, names=("found", "the twin")):
    """Lines that say in what two contents differ; none if they are equal."""
    said = []
    for what in sorted(found.keys() | wanted.keys()):
        here, there = found.get(what), wanted.get(what)
        if here == there:
            continue
        if isinstance(here, collections.Counter) and isinstance(there, collections.Counter):
            said += [f"{what}: only {names[0]} has {key} × {n}" for key, n in list((here - there).items())[:2]]
            said += [f"{what}: only {names[1]} has {key} × {n}" for key, n in list((there - here).items())[:2]]
        else:
            said.append(f"{what}: {names[0]} {here if here is None else '…'}, {names[1]} {there if there is None else '…'}")
    return said


def expected(batches):
    """What processed.a must hold by its definition: `batches` are (records, discarded). Rows and history."""
    current, versions = {}, set()
    for made, discarded in batches:
        for record in made:
            if discarded or "id" not in record or not isinstance(record["n"], int):
                continue
            row = (record["id"], record["n"], oracle.micros(record["at"]))
            versions.add(row)
            if record["id"] not in current or row[2] > current[record["id"]][2]:
                current[record["id"]] = row
    def count(rows):
        return collections.Counter(tuple(repr(value) for value in row) for row in rows)
    return {"processed.a": count(current.values()), "processed.a_history": count(versions)}
