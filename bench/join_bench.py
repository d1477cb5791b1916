#!/usr/bin/env python3
"""Point-in-time joins of generated labels and rows: our feature tables to Arrow, beside Polars, DuckDB and Feast.

    join_bench.py --folder DIR [--quick]

One million labels join two views of N rows with five features each, ttl 7 days, 100,000 entities over 90 days;
one row in a hundred is a correction of an earlier one. The peers read the same rows from Parquet as they came;
ours reads feature tables made of them in 20 batches. Each ends with the result in memory. Joined rows and sums must
be the same. The peers take the newest version of a row, whatever the label's time, and so does ours (`as_of: latest`).
Polars and Feast are installed into build/join-peers at the first run.
"""
import argparse
import json
import pathlib
import sys

import numpy
import pyarrow
import pyarrow.parquet

from figures import BIN, PYTHON, measure, python_of_peers, report

ENTITIES = 100_000
BEGIN = 1_735_689_600_000_000  # 2025-01-01
SPAN = 90 * 86_400 * 1_000_000
TIME = pyarrow.timestamp("us", tz="UTC")


def make_rows(data, rows, tag):
    for view, seed in ((1, 11), (2, 22)):
        random = numpy.random.default_rng(seed)
        again = rows // 100
        first = rows - again
        ids, at = random.integers(0, ENTITIES, first), BEGIN + random.integers(0, SPAN, first)
        created = at + random.integers(0, 3_600_000_000, first)
        twice = random.choice(first, again, replace=False)
        ids, at = numpy.concatenate([ids, ids[twice]]), numpy.concatenate([at, at[twice]])
        created = numpy.concatenate([created, created[twice] + 1 + random.integers(0, 86_400_000_000, again)])
        order = numpy.argsort(created, kind="stable")
        columns = {"driver_id": ids[order]}
        for number in range(5):
            columns[f"v{view}_f{number}"] = random.normal(size=rows) if number < 3 else random.integers(0, 1000, rows)
        columns["event_timestamp"] = pyarrow.array(at[order], TIME)
        columns["created"] = pyarrow.array(created[order], TIME)
        pyarrow.parquet.write_table(pyarrow.table(columns), data / f"v{view}_{tag}.parquet")


def make_labels(data, count, tag):
    random = numpy.random.default_rng(7)
    pyarrow.parquet.write_table(pyarrow.table({
        "driver_id": random.integers(0, ENTITIES, count),
        "event_timestamp": pyarrow.array(BEGIN + random.integers(SPAN // 10, SPAN, count), TIME),
        "label": random.integers(0, 2, count)}), data / f"e_{tag}.parquet")


def with_polars(data, labels, rows):
    import polars
    joined = polars.read_parquet(f"{data}/e_{labels}.parquet").sort("event_timestamp")
    for view in (1, 2):
        right = polars.read_parquet(f"{data}/v{view}_{rows}.parquet").sort("event_timestamp", "created").drop("created")
        joined = joined.join_asof(right, on="event_timestamp", by="driver_id", strategy="backward", tolerance="7d", check_sortedness=False)
    return joined.to_arrow()


def with_duckdb(data, labels, rows):
    import duckdb
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2")
    names = {view: [f"v{view}_f{number}" for number in range(5)] for view in (1, 2)}

    def newest(view):
        values = ", ".join(f"arg_max({name}, created) {name}" for name in names[view])
        return f"(SELECT driver_id, event_timestamp, {values} FROM '{data}/v{view}_{rows}.parquet' GROUP BY 1, 2)"
    picked = ", ".join(f"CASE WHEN e.event_timestamp - f{view}.event_timestamp <= INTERVAL 7 DAY THEN {name} END {name}"
                       for view in names for name in names[view])
    joins = " ".join(f"ASOF LEFT JOIN {newest(view)} f{view} ON e.driver_id = f{view}.driver_id AND e.event_timestamp >= f{view}.event_timestamp"
                     for view in names)
    result = db.execute(f"SELECT e.*, {picked} FROM '{data}/e_{labels}.parquet' e {joins}")
    return result.to_arrow_table() if hasattr(result, "to_arrow_table") else result.fetch_arrow_table()


def with_feast(data, labels, rows):
    """Its offline store on DuckDB, from a frame of labels."""
    import datetime
    import tempfile
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.infra.offline_stores.duckdb import DuckDBOfflineStoreConfig
    from feast.types import Float64, Int64
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(config=RepoConfig(project="bench", provider="local", registry=f"{folder}/registry.db", online_store=None,
                                               offline_store=DuckDBOfflineStoreConfig(), entity_key_serialization_version=3))
        driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
        views = [FeatureView(name=f"v{view}", entities=[driver], ttl=datetime.timedelta(days=7), online=False,
                             source=FileSource(name=f"rows{view}", path=f"{data}/v{view}_{rows}.parquet", timestamp_field="event_timestamp",
                                               created_timestamp_column="created"),
                             schema=[Field(name=f"v{view}_f{number}", dtype=Float64 if number < 3 else Int64) for number in range(5)])
                 for view in (1, 2)]
        store.apply([driver, *views])
        frame = pyarrow.parquet.read_table(f"{data}/e_{labels}.parquet").to_pandas()
        return store.get_historical_features(entity_df=frame, features=[f"v{view}:v{view}_f{number}" for view in (1, 2)
                                                                        for number in range(5)]).to_arrow()


def run_peer(data, peer, labels, rows):
    import resource
    import pyarrow.compute as compute
    before = resource.getrusage(resource.RUSAGE_SELF)
    joined = {"polars": with_polars, "duckdb": with_duckdb, "feast": with_feast}[peer](data, labels, rows)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu_ms": cpu * 1e3, "peak_mb": after.ru_maxrss / 1024, "rows": joined.num_rows,
                      "m1": joined.num_rows - joined["v1_f0"].null_count, "m2": joined.num_rows - joined["v2_f0"].null_count,
                      "s1": compute.sum(joined["v1_f0"]).as_py(), "s2": compute.sum(joined["v2_f4"]).as_py()}))


def told(command):
    return json.loads(measure([str(part) for part in command])[3].splitlines()[-1])


def same(ours, theirs):
    return all(ours[key] == theirs[key] for key in ("rows", "m1", "m2")) and \
        all(abs(ours[key] - theirs[key]) <= 1e-6 * max(1, abs(theirs[key])) for key in ("s1", "s2"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--quick", action="store_true", help="1 M rows instead of 1 M and 10 M, 100,000 labels")
    parser.add_argument("--peer")
    parser.add_argument("--labels")
    parser.add_argument("--rows")
    options = parser.parse_args()
    data = pathlib.Path(options.folder)
    if options.peer:
        return run_peer(data, options.peer, options.labels, options.rows)
    data.mkdir(parents=True, exist_ok=True)
    labels, count = ("100k", 100_000) if options.quick else ("1m", 1_000_000)
    make_labels(data, count, labels)
    others = python_of_peers("join")
    ours = [BIN / "join_bench", "--data", data]
    for rows, tag in ((1_000_000, "1m"), (10_000_000, "10m"))[:1 if options.quick else 2]:
        make_rows(data, rows, tag)
        told([*ours, "--step", "tables", "--rows", tag])
        us = {kind: told([*ours, "--step", "join", "--rows", tag, "--labels", labels, "--kind", kind]) for kind in ("upsert", "history")}
        what = f"{count:,} labels × 2 views × {rows:,} rows × 5 features"
        for name, peer, python in (("Polars join_asof", "polars", others), ("DuckDB ASOF with ties", "duckdb", PYTHON), ("Feast on DuckDB", "feast", others)):
            them = told([python, __file__, "--folder", data, "--peer", peer, "--labels", labels, "--rows", tag])
            for kind, mine in us.items():
                if not same(mine, them):
                    sys.exit(f"the joins differ: {kind} {mine}, {peer} {them}")
                report(f"join, {tag} rows, {kind}: CPU", mine["cpu_ms"], "ms", peer=name, peer_value=them["cpu_ms"], note=what)
                report(f"join, {tag} rows, {kind}: peak memory", mine["peak_mb"], "MiB", peer=name, peer_value=them["peak_mb"], budget=600)


if __name__ == "__main__":
    main()
