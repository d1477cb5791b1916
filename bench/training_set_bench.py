#!/usr/bin/env python3
"""The training set of the flights example, beside DuckDB doing the same joins in SQL.

    training_set_bench.py --folder DIR [--days N] [--rounds N]

Real data: `wh demo-data` lands N days (0 = the year), which DuckDB turns into the source tables as
Parquet. Ours makes the feature tables once, with the kernel's own row expressions; then both sides
read the same feature files and the same spine, and write one Parquet file each. Every value of the
two is compared: equal within 1e-9, NULL where NULL.

DuckDB's SQL comes in two forms. `windows`: a sliding window function per entity over labels and events
together, which holds for any values. `prefixes`: running sums and ASOF joins, much quicker, right only
because the delays are whole numbers. Both lean on this data (each row is known when it happens, no
corrections), which the kernel does not.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import duckdb

from figures import BIN, PYTHON, measure, report

HOUR = 3_600_000_000
FORMS = ("prefixes", "windows")
WINDOWS = {"1h": HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR}


def land(folder, days):
    project = folder / "flights"
    wh = str(BIN / "wh")
    subprocess.run([wh, "init", "--example", "flights", "-q", str(project)], check=True, capture_output=True)
    subprocess.run([wh, "demo-data", "-q", *(["--days", str(days)] if days else [])], cwd=project, check=True, capture_output=True)
    return project


def make_sources(project, data):
    """Landing files → the processed tables the views and the spine read, as Parquet."""
    data.mkdir(exist_ok=True)
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2")
    landing = project / "landing"
    arrival = ("{flight_id: 'VARCHAR', carrier: 'VARCHAR', tailnum: 'VARCHAR', origin: 'VARCHAR', dest: 'VARCHAR', "
               "arrived_at: 'TIMESTAMPTZ', arr_delay: 'BIGINT', air_time: 'BIGINT', reported_at: 'TIMESTAMPTZ'}")
    departure = ("{flight_id: 'VARCHAR', carrier: 'VARCHAR', origin: 'VARCHAR', tailnum: 'VARCHAR', "
                 "sched_dep_at: 'TIMESTAMPTZ', distance: 'BIGINT'}")
    hidden = "row_number() OVER () AS _record, TIMESTAMPTZ '2014-01-02 00:00:00Z' AS _ingested_at"
    db.execute(f"CREATE TABLE arrival AS SELECT *, {hidden} FROM read_json('{landing}/arrival/*.jsonl', format='newline_delimited', columns={arrival})")
    db.execute(f"CREATE TABLE departure AS SELECT * FROM read_json('{landing}/departure/*.jsonl', format='newline_delimited', columns={departure})")
    db.execute(f"""CREATE TABLE weather AS SELECT origin, time_hour::TIMESTAMPTZ AS observed_at, temp::DOUBLE AS temp,
        wind_speed::DOUBLE AS wind_speed, coalesce(wind_gust, wind_speed)::DOUBLE AS wind_gust, precip::DOUBLE AS precip,
        visib::DOUBLE AS visib, {hidden} FROM read_csv('{landing}/weather/*.csv', nullstr='NA', all_varchar=true)
        WHERE wind_speed IS NULL OR wind_speed::DOUBLE <= 200""")
    db.execute(f"""CREATE TABLE plane AS SELECT tailnum, year::BIGINT AS built, seats::BIGINT AS seats, engines::BIGINT AS engines,
        {hidden} FROM read_csv('{landing}/plane/*.csv', nullstr='NA', all_varchar=true)""")
    db.execute("""CREATE TABLE spine AS SELECT d.flight_id, d.carrier, d.origin, d.tailnum, d.sched_dep_at, d.distance,
        a.arr_delay > 15 AS late FROM departure d JOIN arrival a USING (flight_id)""")
    for table, file in [("arrival", "processed.arrival_history"), ("weather", "processed.weather"), ("plane", "processed.plane"), ("spine", "spine")]:
        db.execute(f"COPY {table} TO '{data}/{file}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    return db.execute("SELECT count(*) FROM spine").fetchone()[0]


def windowed(entity, table, values):
    """Counts and means of [t - w, t) for one entity, by label id."""
    columns = []
    for name, (kind, source) in values.items():
        for window in WINDOWS:
            call = "count(known)" if kind == "count" else f"avg({source})"
            columns.append(f"{call} OVER w{window} AS {name}_{window}")
    frames = ", ".join(f"w{name} AS (PARTITION BY e ORDER BY t RANGE BETWEEN {us} PRECEDING AND 1 PRECEDING)" for name, us in WINDOWS.items())
    sources = sorted({source for kind, source in values.values() if source})
    labels = ", ".join(f"NULL AS {source}" for source in sources)
    return f"""SELECT * FROM (SELECT id, {', '.join(columns)} FROM (
        SELECT {entity} AS e, epoch_us(sched_dep_at) AS t, id, NULL AS known, {labels} FROM spine WHERE {entity} IS NOT NULL
        UNION ALL SELECT {entity}, epoch_us(event_time), NULL, 1, {', '.join(sources)} FROM {table}) WINDOW {frames}) WHERE id IS NOT NULL"""


def expression_columns(db, path):
    """The row expressions of a feature file, in order: v1_…, v2_…"""
    names = [row[0] for row in db.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    return [name for name in names if name[0] == "v" and name[1].isdigit()]


def feature_files(db, data):
    """View → (its feature file as a SQL literal, its row expressions)."""
    found = {}
    for view in ("carrier_delay", "origin_delay", "tail_delay", "weather_now", "plane_facts"):
        path = f"{data}/feature.{view}_v1.parquet"
        found[view] = (f"'{path}'", expression_columns(db, path))
    return found


def windowed_parts(files):
    """One sliding window function per entity over labels and events together: any values, any sums."""
    (carrier, (delay, late, *_)), (origin, _), (tail, (tail_delay, *_)) = (files[view] for view in ("carrier_delay", "origin_delay", "tail_delay"))
    both = {"n": ("count", None), "mean": ("mean", delay), "late_rate": ("mean", late)}
    tables = [f"carrier AS ({windowed('carrier', carrier, both)})", f"origin AS ({windowed('origin', origin, both)})",
              f"tail AS ({windowed('tailnum', tail, {'n': ('count', None), 'mean': ('mean', tail_delay)})})",
              f"landed AS (SELECT tailnum, event_time, epoch_us(event_time) AS us, {tail_delay} AS delay FROM {tail})"]
    joins = "LEFT JOIN carrier c USING (id) LEFT JOIN origin o USING (id) LEFT JOIN tail i USING (id) " \
            "ASOF LEFT JOIN landed l ON s.tailnum = l.tailnum AND s.sched_dep_at > l.event_time"

    def value(alias, name, window):
        return f"coalesce({alias}.n_{window}, 0)" if name == "n" else f"{alias}.{name}_{window}"
    return tables, joins, value


def prefix_parts(files):
    """Running sums per entity and four ASOF joins: right only where sums can be taken apart again (integers)."""
    (carrier, (delay, late, *_)), (origin, _), (tail, (tail_delay, *_)) = (files[view] for view in ("carrier_delay", "origin_delay", "tail_delay"))

    def running(entity, table, sums):
        columns = ", ".join(f"sum({source}) OVER w AS {name}" for name, source in sums.items())
        return f"SELECT {entity} AS e, event_time AS t, epoch_us(event_time) AS us, {sums['mean']} AS delay, count(*) OVER w AS n, {columns} FROM {table} " \
               f"WINDOW w AS (PARTITION BY {entity} ORDER BY event_time)"
    tables = [f"carrier AS MATERIALIZED ({running('carrier', carrier, {'mean': delay, 'late_rate': late})})",
              f"origin AS MATERIALIZED ({running('origin', origin, {'mean': delay, 'late_rate': late})})",
              f"tail AS MATERIALIZED ({running('tailnum', tail, {'mean': tail_delay})})"]
    joins = ""
    for alias, table, key in [("c", "carrier", "carrier"), ("o", "origin", "origin"), ("l", "tail", "tailnum")]:
        for window in ["", *WINDOWS]:
            before = "s.sched_dep_at" if not window else f"s.before_{window}"
            joins += f" ASOF LEFT JOIN {table} {alias}{window} ON s.{key} = {alias}{window}.e AND {before} > {alias}{window}.t"

    def value(alias, name, window):
        alias = "l" if alias == "i" else alias
        count = f"(coalesce({alias}.n, 0) - coalesce({alias}{window}.n, 0))"
        if name == "n":
            return count
        return f"CASE WHEN {count} > 0 THEN ({alias}.{name} - coalesce({alias}{window}.{name}, 0))::DOUBLE / {count} END"
    return tables, joins, value


def duckdb_sql(db, data, form):
    files = feature_files(db, data)
    tables, joins, value = {"windows": windowed_parts, "prefixes": prefix_parts}[form](files)
    sky, weather = files["weather_now"]
    facts_file, facts = files["plane_facts"]
    zone = "AT TIME ZONE 'America/New_York'"
    pick = []
    for alias, view, names in [("c", "carrier_delay", ["n", "mean", "late_rate"]), ("o", "origin_delay", ["n", "mean", "late_rate"]), ("i", "tail_delay", ["n", "mean"])]:
        pick += [f'{value(alias, name, window)} AS "{view}.{name}_{window}"' for name in names for window in WINDOWS]
    pick.append(f"CASE WHEN l.us >= epoch_us(s.sched_dep_at) - {WINDOWS['7d']} THEN l.delay END AS \"tail_delay.last_7d\"")
    pick.append(f"CASE WHEN l.us >= epoch_us(s.sched_dep_at) - {30 * 24 * HOUR} THEN (epoch_us(s.sched_dep_at) - l.us) / 1e6 END AS \"tail_delay.secs_since\"")
    pick += [f'CASE WHEN epoch_us(s.sched_dep_at) - w.us <= {3 * HOUR} THEN w.{source} END AS "weather_now.{name}"'
             for name, source in zip(["temp", "wind_speed", "wind_gust", "precip", "visib"], weather)]
    pick += [f'p.{source} AS "plane_facts.{name}"' for name, source in zip(["built", "seats", "engines"], facts)]
    pick += [f'extract(hour FROM s.sched_dep_at {zone}) AS "flight_request.local_hour"', f'isodow(s.sched_dep_at {zone}) AS "flight_request.weekday"',
             's.distance AS "flight_request.distance"']
    before = ", ".join(f"sched_dep_at - to_microseconds({us}) AS before_{name}" for name, us in WINDOWS.items())
    tables.append(f"sky AS (SELECT origin, known_time, epoch_us(event_time) AS us, {', '.join(weather)} FROM {sky})")
    return f"""COPY (
      WITH spine AS MATERIALIZED (SELECT *, row_number() OVER () AS id, {before} FROM '{data}/spine.parquet'),
        {', '.join(tables)}
      SELECT s.flight_id, s.carrier, s.origin, s.tailnum, s.sched_dep_at, s.distance, s.late, {', '.join(pick)}
      FROM spine s {joins} ASOF LEFT JOIN sky w ON s.origin = w.origin AND s.sched_dep_at >= w.known_time
        LEFT JOIN {facts_file} p ON s.tailnum = p.tailnum
      ORDER BY s.sched_dep_at) TO '{data}/{form}.parquet' (FORMAT parquet, COMPRESSION zstd)"""


def run_peer(data, form):
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2")
    begin, cpu = time.perf_counter(), time.process_time()
    db.execute(duckdb_sql(db, data, form))
    print(json.dumps({"wall_ms": (time.perf_counter() - begin) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3}))


def compare(data, form):
    """(values compared, values that differ, first differing columns)."""
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2")
    names = [row[0] for row in db.execute(f"DESCRIBE SELECT * FROM '{data}/{form}.parquet'").fetchall() if "." in row[0]]
    differs = [f"""count(*) FILTER ((a."{n}" IS NULL) != (b."{n}" IS NULL)
        OR abs(a."{n}"::DOUBLE - b."{n}"::DOUBLE) > 1e-9 * greatest(1, abs(b."{n}"::DOUBLE)))""" for n in names]
    rows, *counts = db.execute(f"""SELECT count(*), {', '.join(differs)} FROM '{data}/ours.parquet' a JOIN '{data}/{form}.parquet' b USING (flight_id)""").fetchone()
    return rows, len(names), sum(counts), {n: c for n, c in zip(names, counts) if c}


def median_of(command, rounds, within):
    """Medians over `rounds` of wall and CPU ms as the child tells them, and its greatest peak."""
    taken, peak = [], 0
    for _ in range(rounds):
        _, _, memory, out = measure(command)
        told = json.loads(out.splitlines()[-1])
        taken.append((told["wall_ms"], told["cpu_ms"], told))
        peak = max(peak, memory)
    return {"wall": statistics.median(t[0] for t in taken), "cpu": statistics.median(t[1] for t in taken), "peak": peak, **within(taken[-1][2])}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--days", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", choices=FORMS)
    options = parser.parse_args()
    folder = pathlib.Path(options.folder)
    data = folder / "data"
    if options.peer:
        return run_peer(data, options.peer)
    folder.mkdir(parents=True, exist_ok=True)
    project = land(folder, options.days)
    rows = make_sources(project, data)
    ours = [str(BIN / "training_set_bench"), "--project", str(project), "--data", str(data), "--step"]
    made = json.loads(measure([*ours, "features"])[3].splitlines()[-1])
    us = median_of([*ours, "join"], options.rounds, lambda told: {"reading": told["reading_ms"], "writing": told["writing_ms"]})
    what = f"{rows:,} rows × FEATURES features from Parquet to Parquet, 2 threads, median of {options.rounds}"
    for form, name in [("prefixes", "DuckDB 1.5.5, running sums + ASOF"), ("windows", "DuckDB 1.5.5, window functions")]:
        rounds = options.rounds if form == "prefixes" else 1
        them = median_of([PYTHON, __file__, "--folder", str(folder), "--peer", form], rounds, lambda told: {})
        matched, features, differing, where = compare(data, form)
        if matched != rows or differing:
            sys.exit(f"the two training sets differ ({form}): {rows} rows, {matched} matched, {differing} values differ: {where}")
        report("training set: CPU", us["cpu"], "ms", peer=name, peer_value=them["cpu"],
               note=f"{what.replace('FEATURES', str(features))}; all {rows * features:,} values agree within 1e-9")
        report("training set: wall", us["wall"], "ms", peer=name, peer_value=them["wall"], note=f"of it reading {us['reading']:.0f}, writing {us['writing']:.0f} ms")
        report("training set: peak memory", us["peak"], "MiB", peer=name, peer_value=them["peak"])
    report("training set: feature tables", made["cpu_ms"], "ms CPU", note=f"{made['rows']:,} rows of 5 views from their sources, {made['wall_ms']:.0f} ms wall; done once, at commit")


if __name__ == "__main__":
    main()
