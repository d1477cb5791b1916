#!/usr/bin/env python3
"""Two sources of N rows each, in batches, from landed files to sorted feature tables, beside DuckDB.

    bulk_bench.py --folder DIR [--rows 1m|10m|NUMBER] [--batches N] [--formats csv jsonl parquet] [--corrections N] [--keep] [--peers duckdb pyiceberg]

Rows of 8 columns by a fixed seed: 100,000 entities over 90 days, arriving in the order in which they
were known; 1 % of them correct an earlier row of the same key. Ours: contract, raw object, keyed SQL
table, sorted feature view for each source, one `wh apply --yes`. DuckDB reads the same files in the same
batches with its types declared, upserts on the primary key and writes one sorted Parquet file for each
source. The two tables of both are compared value by value before a figure is told.

The price of a batch is that of `wh run` with one more file landed, the empty run subtracted: taken of
batch 2, the middle and the last of a second project that lands file by file.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import duckdb

from figures import BIN, PYTHON, measure, report

BATCHES = 20
ENTITIES = 100_000
FORMATS = ("csv", "jsonl", "parquet")
FIRST_DAY = "2025-01-01"
COLUMNS = "driver_id BIGINT, f0 DOUBLE, f1 DOUBLE, f2 DOUBLE, f3 BIGINT, f4 BIGINT, event_timestamp TIMESTAMPTZ, created TIMESTAMPTZ"
NAMES = [column.split()[0] for column in COLUMNS.split(", ")]
TYPES = "{" + ", ".join(f"{column.split()[0]}: '{column.split()[1]}'" for column in COLUMNS.split(", ")) + "}"


def rows_of(text):
    scale = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower())
    return int(text[:-1]) * scale if scale else int(text)


def in_memory():
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2; SET memory_limit='4GB'")
    return db


def make_rows(db, seed, rows):
    """The table `made`, in the order of arrival. Doubles of 15 to 17 digits, as a program writes them."""
    first = rows - rows // 100
    # hash() of a number and a seed: the same values on any number of threads.
    def unit(column, number="i"):
        return f"(hash({number}, {seed}, '{column}') / 18446744073709551616.0)"
    db.execute(f"""CREATE OR REPLACE TEMP TABLE base AS SELECT i, (hash(i, {seed}, 'entity') % {ENTITIES})::BIGINT AS driver_id,
        TIMESTAMPTZ '{FIRST_DAY} 00:00:00Z' + to_microseconds((hash(i, {seed}, 'time') % (90 * 86400000000::UBIGINT))::BIGINT) AS event_timestamp,
        (hash(i, {seed}, 'late') % 3600000000::UBIGINT)::BIGINT AS late FROM range({first}) t(i)""")
    values = ", ".join(f"({unit(f'f{k}')} * 6 - 3)::DOUBLE AS f{k}" for k in range(3)) + ", " + \
        ", ".join(f"(hash(i, {seed}, 'f{k}') % 1000)::BIGINT AS f{k}" for k in (3, 4))
    db.execute(f"""CREATE OR REPLACE TEMP TABLE made AS SELECT driver_id, {values}, event_timestamp, created FROM (
        SELECT i, driver_id, event_timestamp, event_timestamp + to_microseconds(late) AS created FROM base
        UNION ALL
        SELECT {first} + k, driver_id, event_timestamp, event_timestamp + to_microseconds(late + 1 + (hash(k, {seed}, 'fix') % 86400000000::UBIGINT)::BIGINT)
        FROM (SELECT k, (hash(k, {seed}, 'which') % {first})::BIGINT AS i FROM range({rows // 100}) t(k)) JOIN base USING (i))
        ORDER BY created, driver_id, i""")


def name_of(batch, form):
    return f"batch-{batch:02d}.{form}"


def land(folder, form, rows, batches):
    """Files by batch, written once and kept; the rows of a source are the same in every format."""
    done = folder / "done"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    db = in_memory()
    time = "strftime({0}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {0}"
    texts = ", ".join(NAMES[:6] + [time.format(name) for name in NAMES[6:]])
    for source in (1, 2):
        make_rows(db, 11 * source, rows)
        (folder / f"v{source}").mkdir(parents=True)
        for batch in range(1, batches + 1):
            what = ", ".join(NAMES) if form == "parquet" else texts
            how = {"csv": "(FORMAT csv, HEADER)", "jsonl": "(FORMAT json)", "parquet": "(FORMAT parquet)"}[form]
            db.execute(f"""COPY (SELECT {what} FROM (SELECT *, rowid AS r FROM made WHERE rowid >= {(batch - 1) * rows // batches} AND rowid < {batch * rows // batches}) ORDER BY r)
                TO '{folder}/v{source}/{name_of(batch, form)}' {how}""")
    done.write_text("")


def make_project(project, form):
    subprocess.run([str(BIN / "wh"), "init", "-q", str(project)], check=True, capture_output=True)
    for part in ("contracts", "processed", "features", "landing/v1", "landing/v2"):
        (project / part).mkdir(parents=True, exist_ok=True)
    sources = "".join(f"  v{v}: {{ landing: landing/v{v}/, format: {form}, contract: v{v}, batch: {{ by: name, pattern: '{{date}}' }} }}\n" for v in (1, 2))
    (project / "weirhouse.yaml").write_text("name: bulk\nversion: 1\nprofiles:\n  local: { warehouse: ./.weirhouse/lake, catalog: sqlite, log: embedded, "
                                            f"online: embedded }}\nsources:\n{sources}")
    kind = {"BIGINT": "integer", "DOUBLE": "number", "TIMESTAMPTZ": "timestamp"}
    fields = "".join(f"      - {{ name: {name}, logicalType: {kind[column.split()[1]]}{', required: true' if name in ('driver_id', 'event_timestamp', 'created') else ''} }}\n"
                     for name, column in zip(NAMES, COLUMNS.split(", ")))
    for v in (1, 2):
        (project / f"contracts/v{v}.odcs.yaml").write_text(
            f"apiVersion: v3.1.0\nkind: DataContract\nid: v{v}\nversion: 1.0.0\nstatus: active\nschema:\n  - name: v{v}\n    logicalType: object\n    properties:\n{fields}")
        (project / f"processed/v{v}.sql").write_text(
            f"-- wh: table processed.v{v}; key driver_id, event_timestamp; order created; event event_timestamp; known created\n"
            f"SELECT {', '.join(f'r.{name}' for name in NAMES)} FROM records.v{v} AS r\n")
        (project / f"features/v{v}.yaml").write_text(
            f"feature_view: v{v}\nversion: 1\nentity: {{ driver_id: integer }}\nsource: processed.v{v}\nevent_time: event_timestamp\nknown_time: created\n"
            f"as_of: latest\nttl: 7d\nfeatures: {{ {', '.join(f'f{k}: latest' for k in range(5))} }}\nonline: {{ fill: none }}\n")


def land_batch(project, landed, batch, form):
    for v in (1, 2):
        os.link(landed / f"v{v}" / name_of(batch, form), project / f"landing/v{v}" / f"2025-01-{batch:02d}.{form}")


def upsert(db, v, source):
    db.execute(f"""INSERT INTO v{v} SELECT {', '.join(NAMES)} FROM {source}
        QUALIFY row_number() OVER (PARTITION BY driver_id, event_timestamp ORDER BY created DESC) = 1
        ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in NAMES if name not in ('driver_id', 'event_timestamp'))}
        WHERE excluded.created > v{v}.created""")


def duckdb_side(folder, landed, form, batches):
    """Runs in a process of its own."""
    path = folder / "peer.db"
    path.unlink(missing_ok=True)
    db = duckdb.connect(str(path))
    db.execute("SET TimeZone='UTC'; SET threads=2")
    for v in (1, 2):
        db.execute(f"CREATE TABLE v{v}({COLUMNS}, PRIMARY KEY (driver_id, event_timestamp))")
        for batch in range(1, batches + 1):
            file = landed / f"v{v}" / name_of(batch, form)
            source = {"csv": f"read_csv('{file}', header=true, columns={TYPES})", "jsonl": f"read_json('{file}', format='newline_delimited', columns={TYPES})",
                      "parquet": f"read_parquet('{file}')"}[form]
            upsert(db, v, source)
        db.execute(f"COPY (SELECT * FROM v{v} ORDER BY driver_id, event_timestamp) TO '{folder}/peer_v{v}.parquet' (COMPRESSION zstd)")


def pyiceberg_side(folder, landed, form, batches):
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet
    from pyiceberg.catalog.sql import SqlCatalog
    shutil.rmtree(folder / "pyiceberg", ignore_errors=True)
    (folder / "pyiceberg").mkdir()
    catalog = SqlCatalog("peer", uri=f"sqlite:///{folder}/pyiceberg/catalog.db", warehouse=f"file://{folder}/pyiceberg")
    catalog.create_namespace("peer")
    moment = pyarrow.timestamp("us", tz="UTC")
    typed = pyarrow.csv.ConvertOptions(column_types={"event_timestamp": moment, "created": moment})
    for v in (1, 2):
        table = None
        for batch in range(1, batches + 1):
            file = landed / f"v{v}" / name_of(batch, form)
            rows = pyarrow.parquet.read_table(file) if form == "parquet" else pyarrow.csv.read_csv(file, convert_options=typed)
            rows = rows.sort_by([("driver_id", "ascending"), ("event_timestamp", "ascending"), ("created", "ascending")])
            last = rows.group_by(["driver_id", "event_timestamp"], use_threads=False).aggregate([(n, "last") for n in NAMES if n not in ("driver_id", "event_timestamp")])
            rows = last.rename_columns([n.removesuffix("_last") for n in last.column_names]).select(NAMES)
            if table is None:
                table = catalog.create_table(f"peer.v{v}", schema=rows.schema)
                table.append(rows)
            else:
                table.upsert(rows, join_cols=["driver_id", "event_timestamp"])


def land_corrections(project, folder, landed, form, rows):
    """A file of `rows` corrections of rows of the first source, drawn by a fixed seed; the same file for both sides."""
    file = folder / f"corrections_{rows}.csv"
    time = "strftime({0}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {0}"
    last = f"SELECT * FROM read_csv('{landed}/v1/*.csv', header=true, columns={TYPES}) QUALIFY row_number() OVER (PARTITION BY driver_id, event_timestamp ORDER BY created DESC) = 1"
    in_memory().execute(f"""COPY (SELECT driver_id, f0 + 1 AS f0, f1, f2, f3, f4, {time.format('event_timestamp')}, {time.format('created')}
        FROM (SELECT * REPLACE (created + INTERVAL 300 DAY AS created) FROM ({last}) ORDER BY hash(driver_id, event_timestamp) LIMIT {rows})) TO '{file}' (FORMAT csv, HEADER)""")
    os.link(file, project / f"landing/v1/2025-03-01.{form}")
    return file


def correct_in_duckdb(folder, file):
    """Runs in a process of its own, on the tables that duckdb_side left."""
    db = duckdb.connect(str(folder / "peer.db"))
    db.execute("SET TimeZone='UTC'; SET threads=2")
    upsert(db, 1, f"read_csv('{file}', header=true, columns={TYPES})")
    db.execute(f"COPY (SELECT * FROM v1 ORDER BY driver_id, event_timestamp) TO '{folder}/corrected_v1.parquet' (COMPRESSION zstd)")


def measure_corrections(folder, landed, form, project, name, options):
    """What a batch of few rows costs on top of many: by `wh run`, the empty run counted too."""
    file = land_corrections(project, folder, landed, form, options.corrections)
    before = {path for path in (project / ".weirhouse").rglob("*") if path.is_file()}
    _, cpu, peak, _ = measure([BIN / "wh", "run"], cwd=project)
    written = len({path for path in (project / ".weirhouse").rglob("*") if path.is_file()} - before)
    _, peer_cpu, _, _ = measure([PYTHON, __file__, "--folder", folder, "--side", f"corrections:{file}"])
    ours, peer = wh_content(project, "processed.v1", NAMES), peer_content(folder / "corrected_v1.parquet")
    if ours != peer:
        sys.exit(f"other rows in processed.v1 after the corrections: {ours} instead of {peer}")
    about = f"{options.corrections:,} corrections; DuckDB upserts them and writes its table anew"
    report(f"{name}: corrections", cpu, "CPU s", peer=f"DuckDB {duckdb.__version__}", peer_value=peer_cpu, budget=1, notes=about)
    report(f"{name}: corrections: files", written, "files", budget=100)


def content(columns):
    """A query's select list: the number of rows, and a digest of their values that does not depend on their order."""
    return f"count(*) AS n, bit_xor(hash({columns})) AS x, sum(hash({columns}) >> 16) AS s"


def wh_content(project, table, columns):
    out = subprocess.run([str(BIN / "wh"), "sql", "--csv", f"SELECT {content(', '.join(columns))} FROM {table}"], cwd=project, check=True, capture_output=True, text=True).stdout
    return [int(value) for value in out.splitlines()[1].split(",")]


def peer_content(file):
    return list(map(int, in_memory().execute(f"SELECT {content(', '.join(NAMES))} FROM '{file}'").fetchone()))


def check(project, folder):
    """Ours equal DuckDB's, value by value and row by row; the feature tables hold the same. Fails if not."""
    for v in (1, 2):
        peer = peer_content(folder / f"peer_v{v}.parquet")
        feature = ["driver_id", "v1_f0", "v2_f1", "v3_f2", "v4_f3", "v5_f4", "event_time", "known_time"]
        for table, columns in ((f"processed.v{v}", NAMES), (f"feature.v{v}_v1", feature)):
            ours = wh_content(project, table, columns)
            if ours != peer:
                sys.exit(f"other rows in {table}: {ours} instead of {peer} (count, xor and sum of digests)")


def measure_format(folder, form, options):
    rows, batches = options.rows, options.batches
    landed = folder / f"landed_{form}_{rows}_{batches}"
    land(landed, form, rows, batches)
    size = sum(file.stat().st_size for v in (1, 2) for file in (landed / f"v{v}").iterdir())
    about = f"{2 * rows:,} rows of 8 columns, {size >> 20} MiB, {batches} batches"
    project = options.projects / form
    make_project(project, form)
    for batch in range(1, batches + 1):
        land_batch(project, landed, batch, form)
    _, cpu, peak, _ = measure([BIN / "wh", "apply", "--yes"], cwd=project)
    us = cpu * 1e6 / (2 * rows)
    name = f"bulk: {form}, {2 * rows / 1e6:g} M rows"
    for peer in options.peers:
        if peer == "pyiceberg" and (form == "jsonl" or rows > 1_000_000):
            continue  # it reads no JSON, and its upsert of 10 M rows does not end
        _, peer_cpu, peer_peak, _ = measure([PYTHON, __file__, "--folder", folder, "--rows", str(rows), "--batches", str(batches), "--side", f"{peer}:{form}"])
        title = f"DuckDB {duckdb.__version__}" if peer == "duckdb" else "pyiceberg upsert"
        report(name, us, "µs CPU a row", peer=title, peer_value=peer_cpu * 1e6 / (2 * rows), notes=about, rows_per_cpu_second=round(2 * rows / cpu))
        report(f"{name}: peak memory", peak, "MiB", peer=title, peer_value=peer_peak, budget=600)
        if peer == "duckdb":
            check(project, folder)
    if options.corrections:
        measure_corrections(folder, landed, form, project, name, options)
    if options.steps:
        measure_steps(landed, form, name, options)


def measure_steps(landed, form, name, options):
    """What one batch costs when it lands alone, at the beginning and at the end."""
    project, each = options.projects / f"{form}_steps", 2 * options.rows / options.batches
    make_project(project, form)
    land_batch(project, landed, 1, form)
    measure([BIN / "wh", "apply", "--yes"], cwd=project)
    idle = min(measure([BIN / "wh", "run"], cwd=project)[1] for _ in range(3))
    cost = {}
    for batch in range(2, options.batches + 1):
        land_batch(project, landed, batch, form)
        cost[batch] = (measure([BIN / "wh", "run"], cwd=project)[1] - idle) * 1e6 / each
    early, late = (sorted(cost[b] for b in chosen)[1] for chosen in ((2, 3, 4), range(options.batches - 2, options.batches + 1)))
    report(f"{name}: batch 2 alone", early, "µs CPU a row", notes="the median of batches 2 to 4; the empty run subtracted")
    report(f"{name}: batch {options.batches} beside batch 2", late / early, "×", budget=1.2, notes=f"median of the last three: {late:.2f} µs; each: " + " ".join(f"{value:.1f}" for value in cost.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--rows", default="1m", type=rows_of, help="of each of the two sources")
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=["csv", "jsonl"])
    parser.add_argument("--peers", nargs="*", choices=("duckdb", "pyiceberg"), default=["duckdb"])
    parser.add_argument("--steps", action="store_true", help="the price of single batches too: a second project, batch by batch")
    parser.add_argument("--corrections", type=int, default=0, help="of CSV: then land so many corrections of the first source, too")
    parser.add_argument("--keep", action="store_true", help="leave the projects, for a look at them")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.side:
        side, form = options.side.split(":", 1)
        if side == "corrections":
            return correct_in_duckdb(folder, form)
        (duckdb_side if side == "duckdb" else pyiceberg_side)(folder, folder / f"landed_{form}_{options.rows}_{options.batches}", form, options.batches)
        return
    folder.mkdir(parents=True, exist_ok=True)
    # Nothing is removed before the last measurement: ext4 looks through inodes that were freed within
    # minutes for each file it makes, which took a tenth of a run that followed another.
    options.projects = pathlib.Path(tempfile.mkdtemp(prefix="projects-", dir=folder))
    for form in options.formats:
        measure_format(folder, form, options)
    if not options.keep:
        shutil.rmtree(options.projects)


if __name__ == "__main__":
    main()
