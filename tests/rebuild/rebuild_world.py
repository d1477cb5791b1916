"""Random small projects: contracts, a seed, SQL tables in chains, feature views, and the batches that land.

A world is data alone (plain dictionaries and lists), so that it can be shrunk and printed. What its tables
must hold is worked out by `rebuild_model`, what they do hold is asked of the command by `rebuild_trial`.
Several worlds share one project folder, each with sources and tables of its own, to share the commands.
"""
import json
import random

TEXTS = ["a", "b", "B", "é", "c c", ""]
SEED = [("a", 1), ("b", 2), ("c c", 7)]                     # the keys of ref.s are unique
EV = ["id", "k", "o", "v", "b", "ts", "rep"]                # as in the contract
DIM = ["k", "w", "o"]
TYPED = {"id", "k", "k2", "o", "v", "b", "ts", "rep", "w", "sw"}     # of one type in every table


def moment(rng):
    return f"2013-01-{rng.randrange(1, 4):02d}T{rng.randrange(0, 24, 8):02d}:00:00Z"


# ---- Records

def ev_record(rng, ids):
    return {"id": rng.randrange(1, ids + 1), "k": rng.choice(TEXTS + [None]),
            "o": rng.choice([1, 2, 2, 3, None]), "v": rng.choice([0, 1, 2, 5, None]),
            "b": rng.choice([True, False, None]), "ts": moment(rng), "rep": moment(rng)}


def dim_record(rng, _):
    return {"k": rng.choice(TEXTS), "w": rng.randrange(4), "o": rng.choice([1, 2, 3])}


def change(rng, record):
    """A correction: the same key, another value here and there."""
    other = dict(record)
    for name in rng.sample([n for n in record if n not in ("id",)], rng.randrange(1, 3)):
        other[name] = (ev_record if "id" in record else dim_record)(rng, 9)[name]
    return other


BROKEN = ['{"id":', '{"k":"a"}', '{"id":"x","k":"a","ts":"2013-01-01T00:00:00Z","rep":"2013-01-01T00:00:00Z"}',
          '{"id":1,"k":"a","ts":"yesterday","rep":"2013-01-01T00:00:00Z"}', "[]", '{"id":1,"v":1.5}']


def text_of(rng, record):
    """JSON of a record: fields in any order, nulls sometimes left out; it means the same."""
    names = list(record)
    rng.shuffle(names)
    return json.dumps({n: record[n] for n in names if record[n] is not None or rng.random() < 0.7},
                      ensure_ascii=rng.random() < 0.5)


def records(rng, kind, count):
    make, ids, made = (ev_record if kind == "ev" else dim_record), rng.randrange(1, 6), []
    lines = []
    for _ in range(count):
        roll = rng.random()
        if made and roll < 0.15:
            record = rng.choice(made)                       # sent again
        elif made and roll < 0.55:
            record = change(rng, rng.choice(made))          # corrected, or in conflict
        else:
            record = make(rng, ids)
        made.append(record)
        lines.append(rng.choice(BROKEN) if rng.random() < 0.04 else text_of(rng, record))
    return lines


# ---- Tables. Each has: name, kind, reads (tables), columns (of the result), key, order, mode, history

def pick_key(rng, columns):
    usual = [c for c in ("id", "k2", "k") if c in columns]
    first = [c for c in columns if c != "a"][:1]            # an average is a float, and no key
    return rng.choice([[c] for c in usual] + [usual[:2]] * (len(usual) > 1) or [first])


def pick_order(rng, columns, key):
    may = [c for c in columns if c not in key and c in ("o", "v", "ts", "rep", "w", "n", "s", "x")]
    return rng.sample(may, min(len(may), rng.choice([0, 1, 1, 1, 2])))


def condition(rng, columns):
    may = []
    if "b" in columns:
        may += [("b", "is true"), ("b", "is not null")]
    if "v" in columns:
        may += [("v", "< 3"), ("v", "is not null")]
    if "k" in columns:
        may += [("k", "<> 'b'"), ("k", "is not null")]
    if "o" in columns:
        may += [("o", ">= 2")]
    return rng.choice(may) if may and rng.random() < 0.45 else None


def rows_table(rng, source, columns, from_records):
    """Row by row: some columns, some expressions, perhaps a seed and a condition."""
    table = {"kind": "rows", "reads": [source], "join": None, "where": condition(rng, columns), "exprs": []}
    keep = [c for c in columns if c in ("id", "ts", "rep") or rng.random() < 0.8] or columns[:1]
    keep = columns[:1] if keep == ["a"] else keep
    out = list(keep)
    if "k" in keep and rng.random() < 0.5:
        table["exprs"].append(["k2", "coalesce", "k", "-"])
    if "v" in keep and rng.random() < 0.4:
        table["exprs"].append(["x", "plus", "v", 10])
    if "b" in columns and "v" in columns and "o" in keep and rng.random() < 0.2:
        table["exprs"].append(["n", "case", "b", "v", "o"])
    out += [e[0] for e in table["exprs"] if e[0] not in out]
    table["exprs"] = [e for e in table["exprs"] if e[0] not in keep]
    if "k" in columns and rng.random() < 0.35 and "sw" not in columns:
        table["join"] = rng.choice(["inner", "left"])
        out.append("sw")
    table.update(keep=keep, columns=out, mode=rng.choice(["incremental", "incremental", "full"]),
                 history=rng.random() < (0.5 if from_records else 0.3))
    return table


def group_table(rng, source, columns, _):
    by = rng.choice([c for c in ("k", "b", "o", "id", "k2") if c in columns] or columns[:1])
    table = {"kind": "group", "reads": [source], "by": by, "where": condition(rng, columns), "aggs": []}
    for name, agg, of in (("n", "count", None), ("s", "sum", "v"), ("m", "max", "k"), ("x", "min", "ts"),
                          ("d", "count_distinct", "k"), ("l", "string_agg", "k"), ("a", "avg", "o")):
        if (of is None or of in columns) and rng.random() < 0.5 and name != by:
            table["aggs"].append([name, agg, of])
    if not table["aggs"]:
        table["aggs"].append(["n", "count", None])
    table["order_of_list"] = "o" if "o" in columns else None
    return dict(table, columns=["g"] + [a[0] for a in table["aggs"]], mode="full", history=False, key=["g"])


def window_table(rng, source, columns, _):
    """One row of each partition, or a running number: with ties."""
    by = rng.choice([c for c in ("k", "b", "o", "id") if c in columns] or columns[:1])
    order = rng.choice([c for c in ("o", "v", "ts", "rep", "w") if c in columns and c != by] or columns[-1:])
    kind = rng.choice(["pick"] + ["number"] * ("r" not in columns) + ["running"] * ("v" in columns and "r" not in columns))
    out = list(columns) if kind == "pick" else list(columns) + ["r"]
    return {"kind": kind, "reads": [source], "by": by, "by_order": order, "down": rng.random() < 0.5,
            "columns": out, "mode": "full", "history": False, "where": None}


def join_table(rng, left, left_columns, right, right_columns):
    on = rng.choice([c for c in left_columns if c in right_columns and c in TYPED])
    take = [c for c in right_columns if c != on]
    return {"kind": "join", "reads": [left, right], "on": on, "outer": rng.random() < 0.5, "take": take,
            "left": left_columns, "columns": list(left_columns) + ["r_" + c for c in take], "mode": "full",
            "history": False}


def union_table(rng, left, left_columns, right, right_columns):
    same = [c for c in left_columns if c in right_columns and c in TYPED]
    return {"kind": "union", "reads": [left, right], "all": rng.random() < 0.5, "columns": same, "mode": "full",
            "history": False}


def tables(rng, prefix):
    base = {f"records.{prefix}ev": EV, f"records.{prefix}dim": DIM}
    depth = {name: 0 for name in base}
    known, made = dict(base), []
    for number in range(1, rng.randrange(3, 7)):
        last = [n for n in known if n.startswith("processed.")]
        source = rng.choice(list(base)[:1] * 2 + list(base) if not last or rng.random() < 0.4 else last)
        if depth[source] >= 3:
            source = f"records.{prefix}ev"
        columns, name = known[source], f"{prefix}t{number}"
        kind = rng.choice([rows_table] * 4 + [group_table, window_table, join_table, union_table])
        if kind in (join_table, union_table):
            others = [n for n in known if n != source and set(known[n]) & set(columns) & TYPED and depth[n] < 3]
            if not others or any(c.startswith("r_") for c in columns):
                kind = rows_table
        if kind in (join_table, union_table):
            other = rng.choice(others)
            table = kind(rng, source, columns, other, known[other])
            depth[f"processed.{name}"] = max(depth[source], depth[other]) + 1
        else:
            table = kind(rng, source, columns, source in base)
            depth[f"processed.{name}"] = depth[source] + 1
        table.setdefault("key", pick_key(rng, table["columns"]))
        if kind in (group_table, window_table) and rng.random() < 0.15:
            table["history"] = True
        table["order"] = pick_order(rng, table["columns"], table["key"])
        table.update(name=name, full_name=f"processed.{name}")
        made.append(table)
        known[table["full_name"]] = table["columns"]
        if table["history"]:
            past = table["full_name"] + "_history"
            known[past], depth[past] = table["columns"], depth[table["full_name"]]
    return made


def views(rng, made, prefix):
    result = []
    for table in made:
        if table["kind"] != "rows" or not {"id", "ts", "rep", "v"} <= set(table["columns"]) or rng.random() < 0.4:
            continue
        result.append({"name": f"{prefix}f{len(result) + 1}", "table": table["name"],
                       "history": table["history"] and rng.random() < 0.6})
    return result


def world(seed, prefix=""):
    rng = random.Random(seed)
    made = tables(rng, prefix)
    batches = []
    for kind in ("ev", "dim"):
        lines = records(rng, kind, rng.randrange(4, 16 if kind == "ev" else 8))
        count = rng.randrange(1, 5)
        cuts = sorted(rng.randrange(len(lines) + 1) for _ in range(count - 1))
        parts = [lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(lines)])]
        days = rng.sample(range(1, 7), count)               # not always in the order of their dates
        batches += [{"kind": kind, "day": day, "step": rng.randrange(4) if step else 0, "lines": part}
                    for step, (day, part) in enumerate(zip(sorted(days) if rng.random() < 0.7 else days, parts))]
    return {"seed": seed, "prefix": prefix, "tables": made, "views": views(rng, made, prefix),
            "batches": [b for b in batches if b["lines"]]}


# ---- As files

CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: {name}
version: 1.0.0
status: active
schema:
  - name: {name}
    logicalType: object
    properties:
{fields}"""
FIELDS = {"ev": [("id", "integer", True), ("k", "string", False), ("o", "integer", False), ("v", "integer", False),
                 ("b", "boolean", False), ("ts", "timestamp", True), ("rep", "timestamp", True)],
          "dim": [("k", "string", True), ("w", "integer", False), ("o", "integer", False)]}


def expression(expr):
    name, what, *args = expr
    if what == "coalesce":
        return f"coalesce(t.{args[0]}, '{args[1]}') AS {name}"
    if what == "plus":
        return f"t.{args[0]} + {args[1]} AS {name}"
    return f"CASE WHEN t.{args[0]} THEN t.{args[1]} ELSE t.{args[2]} END AS {name}"


def where_of(table):
    return f" WHERE t.{table['where'][0]} {table['where'][1]}" if table.get("where") else ""


def sql_of(table):
    source, kind = table["reads"][0], table["kind"]
    if kind == "rows":
        items = [f"t.{c}" for c in table["keep"]] + [expression(e) for e in table["exprs"]]
        join = ""
        if table["join"]:
            items.append("s.w AS sw")
            join = f" {'LEFT ' if table['join'] == 'left' else ''}JOIN ref.s s ON s.k = t.k"
        return f"SELECT {', '.join(items)} FROM {source} t{join}{where_of(table)}"
    if kind == "group":
        calls = {"count": "count(*)", "count_distinct": "count(DISTINCT t.{of})"}
        inside = f" ORDER BY t.{table['order_of_list'] or 'k'}"
        calls["string_agg"] = "string_agg(t.{of}, ','" + inside + ")"
        items = [f"t.{table['by']} AS g"]
        for name, agg, of in table["aggs"]:
            items.append(calls.get(agg, agg + "(t.{of})").format(of=of) + f" AS {name}")
        return f"SELECT {', '.join(items)} FROM {source} t{where_of(table)} GROUP BY t.{table['by']}"
    if kind in ("pick", "number", "running"):
        over = f"PARTITION BY t.{table['by']} ORDER BY t.{table['by_order']}{' DESC' if table['down'] else ''}"
        if kind == "pick":
            names = ", ".join(f"t.{c}" for c in table["columns"])
            return f"SELECT {names} FROM {source} t QUALIFY row_number() OVER ({over}) = 1"
        names = ", ".join(f"t.{c}" for c in table["columns"][:-1])
        call = (f"sum(t.v) OVER ({over} ROWS UNBOUNDED PRECEDING)" if kind == "running"
                else f"row_number() OVER ({over})")
        return f"SELECT {names}, {call} AS r FROM {source} t"
    left, right = table["reads"]
    if kind == "join":
        items = [f"l.{c}" for c in table["left"]] + [f"r.{c} AS r_{c}" for c in table["take"]]
        how = "LEFT JOIN" if table["outer"] else "JOIN"
        return f"SELECT {', '.join(items)} FROM {left} l {how} {right} r ON l.{table['on']} = r.{table['on']}"
    names = ", ".join(table["columns"])
    return f"SELECT {names} FROM {left} UNION {'ALL ' if table['all'] else ''}SELECT {names} FROM {right}"


def header_of(table):
    words = [f"table {table['full_name']}", f"key {', '.join(table['key'])}"]
    if table["order"]:
        words.append(f"order {', '.join(table['order'])}")
    words.append(f"mode {table['mode']}")
    if table["history"]:
        words.append("history keep")
    return "-- wh: " + "; ".join(words)


def files(worlds):
    """Path → text of a project that holds `worlds`."""
    out = {"seeds/s.csv": "k,w\n" + "".join(f"{k},{w}\n" for k, w in SEED)}
    sources = []
    for one in worlds:
        for kind, fields in FIELDS.items():
            name = one["prefix"] + kind
            out[f"contracts/{name}.odcs.yaml"] = CONTRACT.format(name=name, fields="".join(
                f"      - {{ name: {f}, logicalType: {t}, required: {str(r).lower()} }}\n" for f, t, r in fields))
            sources.append(f"  {name}: {{ landing: landing/{name}/, format: jsonl, contract: {name}, "
                           "batch: { by: name, pattern: '{date}' } }\n")
        for table in one["tables"]:
            out[f"processed/{table['name']}.sql"] = header_of(table) + "\n" + sql_of(table) + "\n"
        for view in one["views"]:
            out[f"features/{view['name']}.yaml"] = (
                f"feature_view: {view['name']}\nversion: 1\nentity: {{ id: integer }}\n"
                f"source: processed.{view['table']}{'_history' if view['history'] else ''}\n"
                "event_time: ts\nknown_time: rep\nwindows: [24h]\n"
                "features:\n  n: { agg: count }\n  s: { agg: sum, of: v }\nonline: { fill: none }\n")
    out["weirhouse.yaml"] = ("name: rebuild\nversion: 1\nclock: replay\nprofiles:\n  local: { warehouse: ./.weirhouse/lake, "
                             "catalog: sqlite, log: embedded, online: embedded }\nsources:\n" + "".join(sources) +
                             "seeds: { s: seeds/s.csv }\n")
    return out


def reshuffled(one):
    """The same records in another order, cut into other batches."""
    rng = random.Random(one["seed"] + 1_000_003)
    other = dict(one, batches=[])
    for kind in FIELDS:
        lines = [line for b in one["batches"] if b["kind"] == kind for line in b["lines"]]
        rng.shuffle(lines)
        cut = rng.choice([0, len(lines), rng.randrange(len(lines) + 1)])
        for day, part in enumerate((lines[:cut], lines[cut:]), 1):
            if part:
                other["batches"].append({"kind": kind, "day": day, "step": rng.randrange(day), "lines": part})
    return other
