#!/usr/bin/env python3
"""`wh train-set build` of many labels, written, digested and sampled, beside Polars: the same join and the same Parquet.

    train_set_build_bench.py --folder DIR [--rows 1m|10m] [--quick]

The labels and rows of bench/join_bench.py, landed as Parquet into a project of two feature views and a spine. Polars reads
the same rows from Parquet as they came and writes what it joined with zstd. Rows, matches and sums must be the same.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import duckdb

from figures import BIN, measure, python_of_peers, report
from join_bench import make_labels, make_rows

WH = str(BIN / "wh")


def contract(name, fields):
    listed = "".join(f"      - {{ name: {field}, logicalType: {kind}, required: true }}\n" for field, kind in fields.items())
    return (f"apiVersion: v3.1.0\nkind: DataContract\nid: {name}\nversion: 1.0.0\nstatus: active\nschema:\n  - name: {name}\n"
            f"    logicalType: object\n    properties:\n{listed}")


def make_project(project, data, labels, rows):
    subprocess.run([WH, "init", "-q", str(project)], check=True, capture_output=True)
    for part in ("contracts", "processed", "features", "training_sets"):
        (project / part).mkdir(exist_ok=True)
    names = ("v1", "v2", "e")
    sources = "".join(f"  {name}: {{ landing: landing/{name}/, format: parquet, contract: {name} }}\n" for name in names)
    (project / "weirhouse.yaml").write_text("name: build\nversion: 1\nprofiles:\n  local: { warehouse: ./.weirhouse/lake, catalog: sqlite, log: embedded, "
                                            f"online: embedded }}\nsources:\n{sources}")
    for view in (1, 2):
        name = f"v{view}"
        values = {f"{name}_f{k}": "number" if k < 3 else "integer" for k in range(5)}
        fields = {"driver_id": "integer", **values, "event_timestamp": "timestamp", "created": "timestamp"}
        (project / f"contracts/{name}.odcs.yaml").write_text(contract(name, fields))
        (project / f"processed/{name}.sql").write_text(
            f"-- wh: table processed.{name}; key driver_id, event_timestamp; order created; event event_timestamp; known created\n"
            f"SELECT {', '.join(f'r.{field}' for field in fields)} FROM records.{name} AS r\n")
        (project / f"features/{name}.yaml").write_text(
            f"feature_view: {name}\nversion: 1\nentity: {{ driver_id: integer }}\nsource: processed.{name}\nevent_time: event_timestamp\nknown_time: created\n"
            f"as_of: latest\nttl: 7d\nfeatures: {{ {', '.join(f'{value}: latest' for value in values)} }}\nonline: {{ fill: none }}\n")
    (project / "contracts/e.odcs.yaml").write_text(contract("e", {"id": "integer", "driver_id": "integer", "event_timestamp": "timestamp", "label": "integer"}))
    (project / "processed/e.sql").write_text("-- wh: table processed.e; key id; order event_timestamp; event event_timestamp\n"
                                             "SELECT r.id, r.driver_id, r.event_timestamp, r.label FROM records.e AS r\n")
    (project / "training_sets/t.yaml").write_text("training_set: t_v1\nspine: select id, driver_id, event_timestamp, label from processed.e\n"
                                                  "time: event_timestamp\nlabel: label\nfeatures: ['v1@1:*', 'v2@1:*']\n")
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2")
    for name, query in {"v1": f"SELECT * FROM '{data}/v1_{rows}.parquet'", "v2": f"SELECT * FROM '{data}/v2_{rows}.parquet'",
                        "e": f"SELECT file_row_number AS id, * EXCLUDE (file_row_number) FROM read_parquet('{data}/e_{labels}.parquet', file_row_number=true)"}.items():
        (project / f"landing/{name}").mkdir(parents=True)
        db.execute(f"COPY ({query}) TO '{project}/landing/{name}/2025-01-01.parquet' (FORMAT parquet)")


def polars_side(data, labels, rows, out):
    import resource
    import polars
    joined = polars.read_parquet(f"{data}/e_{labels}.parquet").sort("event_timestamp")
    for view in (1, 2):
        right = polars.read_parquet(f"{data}/v{view}_{rows}.parquet").sort("event_timestamp", "created").drop("created")
        joined = joined.join_asof(right, on="event_timestamp", by="driver_id", strategy="backward", tolerance="7d", check_sortedness=False)
    joined.write_parquet(out, compression="zstd")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_ms": (usage.ru_utime + usage.ru_stime) * 1e3, "peak_mb": usage.ru_maxrss / 1024}))


def facts(files):
    return duckdb.connect().execute(f"SELECT count(*), count(COLUMNS('.*v1_f0')), count(COLUMNS('.*v2_f0')), sum(COLUMNS('.*v1_f3')), sum(COLUMNS('.*v2_f4')), sum(label) FROM '{files}'").fetchone()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--rows", default="1m", choices=("1m", "10m"), help="of each view")
    parser.add_argument("--quick", action="store_true", help="100,000 labels")
    parser.add_argument("--polars", help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = options.folder.resolve()
    labels, count = ("100k", 100_000) if options.quick else ("1m", 1_000_000)
    if options.polars:
        return polars_side(data, labels, options.rows, options.polars)
    data.mkdir(parents=True, exist_ok=True)
    if not (data / f"e_{labels}.parquet").exists():
        make_labels(data, count, labels)
    if not (data / f"v2_{options.rows}.parquet").exists():
        make_rows(data, 10_000_000 if options.rows == "10m" else 1_000_000, options.rows)
    project = pathlib.Path(tempfile.mkdtemp(prefix="build-", dir=data))
    make_project(project, data, labels, options.rows)
    measure([WH, "apply", "--yes", "-q"], cwd=project)
    _, cpu, peak, _ = measure([WH, "train-set", "build", "t_v1"], cwd=project)
    out = data / "polars.parquet"
    them = json.loads(measure([python_of_peers("join"), __file__, "--folder", str(data), "--rows", options.rows, "--polars", str(out),
                               *(["--quick"] if options.quick else [])])[3].splitlines()[-1])
    ours, theirs = facts(project / ".weirhouse/lake/training_set/t_v1/data/*.parquet"), facts(out)
    if ours != theirs:
        sys.exit(f"the training sets differ: {ours}, Polars {theirs}")
    what = f"{count:,} labels × 2 views × {options.rows} rows × 5 features, written"
    report(f"wh train-set build, {options.rows} rows: CPU", cpu * 1e3, "ms", peer="Polars join_asof and write_parquet", peer_value=them["cpu_ms"], note=what)
    report(f"wh train-set build, {options.rows} rows: peak memory", peak, "MiB", peer="Polars", peer_value=them["peak_mb"], budget=600)
    shutil.rmtree(project)


if __name__ == "__main__":
    main()
