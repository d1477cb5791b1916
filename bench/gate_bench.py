#!/usr/bin/env python3
"""One gate of 21 checks over 10 columns, beside Great Expectations, Pandera and DuckDB.

    gate_bench.py --folder DIR [--rows N…] [--peers gx pandera duckdb]

DuckDB makes the rows once, one Parquet file for each size; 1 in 100 rows fails each check of values. Every side
reads that file and asks the same: ours as a gate, Great Expectations of a pandas frame, Pandera of a Polars
frame, DuckDB by one query that gives every count and statistic exactly. Each runs in a process of its own; CPU seconds
are of all its threads, memory is its peak. Of the small size the second of two judgements in one process is
taken (imports and first use aside), without reading for the peers. Bad rows and statistics of all sides are compared.
"""
import argparse
import json
import os
import pathlib
import sys

from figures import BIN, PYTHON, measure, python_of_peers, report

CODES = ["DE", "FR", "US", "GB", "IT", "ES", "NL", "SE", "PL", "PT", "JP", "CN", "IN", "BR", "MX", "CA", "AU", "NZ", "ZA", "NG"]
STATES = ["new", "paid", "sent", "done", "void"]
EMAIL = r"[a-z0-9.]+@[a-z]+\.(com|org|net)"
START, END = "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"


def make(path, rows):
    """Ten columns; `h` is a hash of the row's number, so that the rows are the same everywhere."""
    if path.exists():
        return
    import duckdb

    def bad(column):  # 1 in 100, other rows for each column
        return f"(hash(i * 31 + {sum(map(ord, column))}) % 100 = 0)"
    def h(column):
        return f"hash(i * 17 + {sum(map(ord, column)) * 1000003})"
    sql = f"""COPY (SELECT
      CASE WHEN {bad('id')} THEN (i * 7919) % {rows} ELSE (i * 7919 + 1) % {rows} END AS id,
      ({h('customer')} % 400000)::BIGINT AS customer,
      CASE WHEN {bad('quantity')} THEN -1 ELSE ({h('quantity')} % 100)::INTEGER + 1 END::INTEGER AS quantity,
      CASE WHEN {bad('price')} THEN NULL ELSE round(exp(({h('price')} % 100000) / 100000.0 * 8), 2) END::DOUBLE AS price,
      CASE WHEN {bad('score')} THEN 1.5 ELSE ({h('score')} % 1000000007) / 1000000007.0 END::DOUBLE AS score,
      CASE WHEN {bad('state')} THEN 'lost' ELSE {STATES}[({h('state')} % {len(STATES)})::INT + 1] END AS state,
      CASE WHEN {bad('country')} THEN NULL WHEN {bad('code')} THEN 'XXX' ELSE {CODES}[({h('country')} % {len(CODES)})::INT + 1] END AS country,
      CASE WHEN {bad('email')} THEN 'nobody' ELSE 'user.' || ({h('email')} % 5000000) || '@example.' || ['com', 'org', 'net'][i % 3 + 1] END AS email,
      TIMESTAMPTZ '{START}' + to_seconds(({h('ordered')} % 25920000)::BIGINT) AS ordered_at,
      TIMESTAMPTZ '{START}' + to_seconds(({h('ordered')} % 25920000)::BIGINT
        + CASE WHEN {bad('sent')} THEN -3600 ELSE ({h('sent')} % 864000)::BIGINT END) AS sent_at
      FROM (SELECT range::BIGINT AS i FROM range({rows})))
      TO '{path}.part' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"""
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET memory_limit='2GB'; SET threads=2; SET preserve_insertion_order=true")
    db.execute(sql)
    os.rename(f"{path}.part", path)


GATE = f"""gate: orders
table: processed.orders
checks:
  - row_count: {{ min: 1000, max: 100000000 }}
  - required: {{ column: id, name: required_id }}
  - required: {{ column: price, name: required_price, max_bad: 2% }}
  - required: {{ column: country, name: required_country, max_bad: 2% }}
  - unique: {{ column: id, name: unique_id, max_bad: 5% }}
  - range: {{ column: quantity, min: 1, max: 100, name: range_quantity, max_bad: 2% }}
  - range: {{ column: score, min: 0, max: 1, name: range_score, max_bad: 2% }}
  - range: {{ column: ordered_at, min: '{START}', max: '{END}', name: range_ordered }}
  - accepted: {{ column: state, values: [{', '.join(STATES)}], name: accepted_state, max_bad: 0.1% }}
  - rejected: {{ column: country, values: [AQ, XK], name: rejected_country }}
  - pattern: {{ column: email, regex: '{EMAIL}', name: pattern_email, max_bad: 2% }}
  - length: {{ column: email, min: 10, max: 64, name: length_email, max_bad: 2% }}
  - length: {{ column: country, min: 2, max: 2, name: length_country, max_bad: 2% }}
  - mean: {{ column: price, min: 300, max: 400, name: mean_price }}
  - stddev: {{ column: score, min: 0.1, max: 0.5, name: stddev_score }}
  - sum: {{ column: quantity, min: 1, name: sum_quantity }}
  - max: {{ column: price, max: 3000, name: max_price }}
  - quantile: {{ column: price, q: 0.95, min: 1000, max: 3000, name: quantile_price }}
  - median: {{ column: score, min: 0.4, max: 0.6, name: median_score }}
  - distinct: {{ column: customer, min: 1000, max: 500000, name: distinct_customer }}
  - pair: {{ expr: sent_at >= ordered_at, name: pair_sent, max_bad: 0.1% }}
"""
STATISTICS = ("row_count", "mean_price", "stddev_score", "sum_quantity", "max_price", "quantile_price", "median_score", "distinct_customer")


def ask_duckdb(path):
    """All of it in one query, exact."""
    import duckdb

    states, email = ", ".join(f"'{state}'" for state in STATES), EMAIL
    wrong = {
        "required_id": "id IS NULL", "required_price": "price IS NULL", "required_country": "country IS NULL",
        "range_quantity": "NOT quantity BETWEEN 1 AND 100", "range_score": "NOT score BETWEEN 0 AND 1",
        "range_ordered": f"NOT ordered_at BETWEEN '{START}' AND '{END}'", "accepted_state": f"state NOT IN ({states})",
        "rejected_country": "country IN ('AQ', 'XK')", "pattern_email": f"NOT regexp_full_match(email, '{email}')",
        "length_email": "NOT length(email) BETWEEN 10 AND 64", "length_country": "length(country) <> 2",
        "pair_sent": "NOT sent_at >= ordered_at"}
    counts = ", ".join(f"count(*) FILTER ({condition}) AS {name}" for name, condition in wrong.items())
    sql = f"""SELECT count(*) AS row_count, {counts}, avg(price) AS mean_price, stddev_samp(score) AS stddev_score, sum(quantity)::BIGINT AS sum_quantity,
        max(price) AS max_price, quantile_cont(price, 0.95) AS quantile_price, median(score) AS median_score,
        count(DISTINCT customer) AS distinct_customer,
        (SELECT coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM rows GROUP BY id HAVING n > 1)) AS unique_id FROM rows"""
    db = duckdb.connect()
    db.execute("SET TimeZone='UTC'; SET threads=2")
    db.execute(f"CREATE VIEW rows AS FROM read_parquet('{path}')")
    def once():
        cursor = db.execute(sql)
        return dict(zip([column[0] for column in cursor.description], cursor.fetchone()))
    return once


def ask_gx(path):
    import great_expectations as gx
    import great_expectations.expectations as ask
    import pandas

    frame = pandas.read_parquet(path)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    suite = {
        "row_count": ask.ExpectTableRowCountToBeBetween(min_value=1000, max_value=100000000),
        "required_id": ask.ExpectColumnValuesToNotBeNull(column="id"),
        "required_price": ask.ExpectColumnValuesToNotBeNull(column="price", mostly=0.98),
        "required_country": ask.ExpectColumnValuesToNotBeNull(column="country", mostly=0.98),
        "unique_id": ask.ExpectColumnValuesToBeUnique(column="id", mostly=0.95),
        "range_quantity": ask.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=100, mostly=0.98),
        "range_score": ask.ExpectColumnValuesToBeBetween(column="score", min_value=0, max_value=1, mostly=0.98),
        "range_ordered": ask.ExpectColumnValuesToBeBetween(column="ordered_at", min_value=pandas.Timestamp(START), max_value=pandas.Timestamp(END)),
        "accepted_state": ask.ExpectColumnValuesToBeInSet(column="state", value_set=STATES, mostly=0.999),
        "rejected_country": ask.ExpectColumnValuesToNotBeInSet(column="country", value_set=["AQ", "XK"]),
        "pattern_email": ask.ExpectColumnValuesToMatchRegex(column="email", regex=f"^{EMAIL}$", mostly=0.98),
        "length_email": ask.ExpectColumnValueLengthsToBeBetween(column="email", min_value=10, max_value=64, mostly=0.98),
        "length_country": ask.ExpectColumnValueLengthsToEqual(column="country", value=2, mostly=0.98),
        "mean_price": ask.ExpectColumnMeanToBeBetween(column="price", min_value=300, max_value=400),
        "stddev_score": ask.ExpectColumnStdevToBeBetween(column="score", min_value=0.1, max_value=0.5),
        "sum_quantity": ask.ExpectColumnSumToBeBetween(column="quantity", min_value=1),
        "max_price": ask.ExpectColumnMaxToBeBetween(column="price", max_value=3000),
        "quantile_price": ask.ExpectColumnQuantileValuesToBeBetween(column="price", quantile_ranges={"quantiles": [0.95], "value_ranges": [[1000, 3000]]}),
        "median_score": ask.ExpectColumnMedianToBeBetween(column="score", min_value=0.4, max_value=0.6),
        "distinct_customer": ask.ExpectColumnUniqueValueCountToBeBetween(column="customer", min_value=1000, max_value=500000),
        "pair_sent": ask.ExpectColumnPairValuesAToBeGreaterThanB(column_A="sent_at", column_B="ordered_at", or_equal=True, mostly=0.999)}
    whole = gx.ExpectationSuite(name="s", expectations=list(suite.values()))
    names = {expectation.expectation_type + str(expectation.configuration.kwargs.get("column", "")): name for name, expectation in suite.items()}
    def once():
        answer = batch.get_batch(batch_parameters={"dataframe": frame}).validate(whole)
        found = {}
        for result in answer.results:
            told = result.expectation_config
            name = names[told.type + str(told.kwargs.get("column", ""))]
            if result.exception_info.get("raised_exception"):
                raise SystemExit(f"{name}: {result.exception_info}")
            value = result.result.get("observed_value", result.result.get("unexpected_count"))
            if not isinstance(value, dict):  # a quantile of its own definition: the nearest value, never between two
                found[name] = value
            found[name + ".passes"] = bool(result.success)
        return found
    return once


def ask_pandera(path):
    import datetime

    import pandera.polars as pa
    import polars as pl

    frame = pl.read_parquet(path)
    moment = datetime.datetime.fromisoformat
    rows = pa.DataFrameSchema({
        "id": pa.Column(pl.Int64, pa.Check(lambda data: data.lazyframe.select(~pl.col(data.key).is_duplicated())), nullable=False),
        "price": pa.Column(pl.Float64, nullable=False),
        "country": pa.Column(pl.String, [pa.Check.notin(["AQ", "XK"]), pa.Check.str_length(2, 2)], nullable=False),
        "quantity": pa.Column(pl.Int32, pa.Check.in_range(1, 100)),
        "score": pa.Column(pl.Float64, pa.Check.in_range(0, 1)),
        "ordered_at": pa.Column(checks=pa.Check.in_range(moment(START), moment(END))),
        "state": pa.Column(pl.String, pa.Check.isin(STATES)),
        "email": pa.Column(pl.String, [pa.Check.str_matches(f"^{EMAIL}$"), pa.Check.str_length(10, 64)])},
        checks=[
            pa.Check(lambda data: data.lazyframe.select(pl.col("sent_at") >= pl.col("ordered_at")), name="pair_sent"),
            pa.Check(lambda data: 1000 <= data.lazyframe.select(pl.len()).collect().item() <= 100000000),
            pa.Check(lambda data: 300 <= data.lazyframe.select(pl.col("price").mean()).collect().item() <= 400),
            pa.Check(lambda data: 0.1 <= data.lazyframe.select(pl.col("score").std()).collect().item() <= 0.5),
            pa.Check(lambda data: data.lazyframe.select(pl.col("quantity").cast(pl.Int64).sum()).collect().item() >= 1),
            pa.Check(lambda data: data.lazyframe.select(pl.col("price").max()).collect().item() <= 3000),
            pa.Check(lambda data: 1000 <= data.lazyframe.select(pl.col("price").quantile(0.95, "linear")).collect().item() <= 3000),
            pa.Check(lambda data: 0.4 <= data.lazyframe.select(pl.col("score").median()).collect().item() <= 0.6),
            pa.Check(lambda data: 1000 <= data.lazyframe.select(pl.col("customer").n_unique()).collect().item() <= 500000)])
    def once():
        try:
            rows.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            return {f"{error.schema.name}.{error.check}": 0 if error.failure_cases is None else len(error.failure_cases) for error in errors.schema_errors}
        return {}
    return once


ASK = {"duckdb": ask_duckdb, "gx": ask_gx, "pandera": ask_pandera}


def judge(peer, path, warm):
    """Runs one peer in this process; prints what it found and the CPU seconds."""
    import resource

    def cpu():
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime
    begin = cpu()
    once = ASK[peer](path)
    found = once()
    if warm:
        begin = cpu()
        found = once()
    print(json.dumps({"cpu_s": cpu() - begin, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "found": found}, default=str))


def compare(ours, peer, theirs):
    """Fails unless both found the same: bad rows, statistics to 12 digits, verdicts where the peer has them."""
    wrong = []
    for check in ours["checks"]:
        name = check["name"] if check["name"] in STATISTICS or check["name"] in theirs else check["name"].split("(")[0]
        mine = check["observed"]
        if theirs.get(name) is not None and abs(float(mine) - float(theirs[name])) > 1e-9 * max(1, abs(float(mine))):
            wrong.append(f"{name}: {mine} and {theirs[name]}")
        passes = theirs.get(name + ".passes")
        if passes is not None and passes != (check["state"] == "passed"):
            wrong.append(f"{name}: {check['state']}, theirs {'passed' if passes else 'failed'}")
    if wrong:
        sys.exit(f"gate_bench: {peer} found something else: {'; '.join(wrong)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--peers", nargs="*", default=list(ASK))
    parser.add_argument("--judge", choices=ASK)
    parser.add_argument("--file")
    parser.add_argument("--warm", action="store_true")
    options = parser.parse_args()
    if options.judge:
        return judge(options.judge, options.file, options.warm)
    options.folder.mkdir(parents=True, exist_ok=True)
    gate = options.folder / "orders.yaml"
    gate.write_text(GATE)
    for rows in options.rows:
        path = options.folder / f"orders-{rows}.parquet"
        make(path, rows)
        warm = rows <= 100_000
        _, _, peak, out = measure([str(BIN / "gate_bench"), "--file", str(path), "--gate", str(gate), "--rounds", "6" if warm else "1"])
        ours = json.loads(out)
        told = {"rows": rows, "failing_rows": ours["failing_rows"], "us": {check["name"]: check["us"] for check in ours["checks"]}}
        mine = ours["cpu_ms"] / 1e3
        for peer in options.peers:
            _, _, _, out = measure([PYTHON if peer == "duckdb" else python_of_peers("gate"), str(pathlib.Path(__file__).resolve()), "--judge", peer, "--file", str(path), *(["--warm"] if warm else [])])
            theirs = json.loads(out)
            compare(ours, peer, theirs["found"])
            report(f"gate of 21 checks, {rows:,} rows, CPU", mine, "s", peer=peer, peer_value=theirs["cpu_s"], note={"peer_peak_mb": theirs["peak_mb"]})
        report(f"gate of 21 checks, {rows:,} rows, peak memory", peak, "MiB", note=told, **({} if warm else {"budget": 400}))


if __name__ == "__main__":
    main()
