"""What the tables of a world must hold, worked out from its landed lines alone, in plain Python.

Shares no code with the product. Where the documents leave a choice to a digest (of rows with one key and one
order the greatest content digest stands), any of those rows is right; what is computed from the table then
goes on from the row that was found, so that each table is judged by itself.
"""
import collections
import datetime
import json

from rebuild_world import FIELDS, SEED

NULL_LAST = (1,)


class Wrong(AssertionError):
    """A table holds what it must not, or not what it must."""


def parse(kind, line):
    """The record's row, or None if it breaks its contract."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            return None
        row = {}
        for name, what, required in FIELDS[kind]:
            field = row[name] = value.get(name)
            if field is None:
                if required:
                    return None
            elif what == "timestamp":
                datetime.datetime.fromisoformat(field.replace("Z", "+00:00"))
            elif type(field) is not {"integer": int, "string": str, "boolean": bool}[what]:
                return None
        return row
    except ValueError:
        return None


def nulls_last(value):
    return NULL_LAST if value is None else (0, value)


def nulls_first(value):
    return (0,) if value is None else (1, value)


def passes(condition, row):
    if not condition:
        return True
    column, test = condition
    value = row[column]
    if test == "is not null":
        return value is not None
    return {"is true": lambda: value is True, "< 3": lambda: value is not None and value < 3,
            "<> 'b'": lambda: value is not None and value != "b",
            ">= 2": lambda: value is not None and value >= 2}[test]()


def evaluate(expr, row):
    _, what, *args = expr
    if what == "coalesce":
        return args[1] if row[args[0]] is None else row[args[0]]
    if what == "plus":
        return None if row[args[0]] is None else row[args[0]] + args[1]
    return row[args[1]] if row[args[0]] else row[args[2]]


def rows_result(table, source):
    weights = dict(SEED)
    for row in source:
        if not passes(table["where"], row):
            continue
        out = {c: row[c] for c in table["keep"]}
        out.update({e[0]: evaluate(e, row) for e in table["exprs"]})
        if table["join"]:
            out["sw"] = weights.get(row["k"])
            if table["join"] == "inner" and row["k"] not in weights:
                continue
        yield out


def aggregate(table, agg, of, rows):
    values = [row[of] for row in rows if of and row[of] is not None]
    if agg == "count":
        return len(rows)
    if agg == "count_distinct":
        return len(set(values))
    if not values:
        return None
    if agg == "string_agg":
        by = table["order_of_list"] or of
        rows = sorted(rows, key=lambda row: (nulls_last(row[by]), nulls_last(row[of])))
        return ",".join(row[of] for row in rows if row[of] is not None)
    return {"sum": sum, "min": min, "max": max, "avg": lambda v: sum(v) / len(v)}[agg](values)


def group_result(table, source):
    groups = collections.defaultdict(list)
    for row in source:
        if passes(table["where"], row):
            groups[row[table["by"]]].append(row)
    for by, rows in groups.items():
        yield {"g": by, **{name: aggregate(table, agg, of, rows) for name, agg, of in table["aggs"]}}


def window_result(table, source, columns):
    parts = collections.defaultdict(list)
    for row in source:
        parts[row[table["by"]]].append(row)
    by = table["by_order"]
    for rows in parts.values():
        rows.sort(key=lambda row: [nulls_last(row[c]) for c in columns])
        known = [row for row in rows if row[by] is not None]
        known.sort(key=lambda row: row[by], reverse=table["down"])   # stable also when reversed
        rows = known + [row for row in rows if row[by] is None]
        if table["kind"] == "pick":
            yield rows[0]
            continue
        total = None
        for number, row in enumerate(rows, 1):
            if row.get("v") is not None:
                total = (total or 0) + row["v"]
            yield {**row, "r": total if table["kind"] == "running" else number}


def join_result(table, left, right):
    on = table["on"]
    for row in left:
        found = [other for other in right if row[on] is not None and other[on] == row[on]]
        for other in found or ([{}] if table["outer"] else []):
            yield {**{c: row[c] for c in table["left"]}, **{"r_" + c: other.get(c) for c in table["take"]}}


def union_result(table, left, right):
    rows = [tuple(row[c] for c in table["columns"]) for row in [*left, *right]]
    for row in rows if table["all"] else dict.fromkeys(rows):
        yield dict(zip(table["columns"], row))


def as_tuple(row, columns):
    return tuple(row[c] for c in columns)


class Model:
    """Judges what was found: `found[table]` is a list of rows (dictionaries over the declared columns)."""

    def __init__(self, world, found, states):
        self.world, self.found, self.states = world, found, states
        self.columns = {t["full_name"] + past: t["columns"] for t in world["tables"] for past in ("", "_history")}
        self.rows, self.lines = {}, {}
        for kind, fields in FIELDS.items():
            name = f"records.{world['prefix']}{kind}"
            self.columns[name] = [f for f, _, _ in fields]
            self.lines[name] = [line for b in world["batches"] if b["kind"] == kind for line in b["lines"]]
            parsed = [parse(kind, line) for line in self.lines[name]]
            self.rows[name] = [row for row in parsed if row is not None]

    def result(self, table):
        sources = [self.rows[name] for name in table["reads"]]
        kind = table["kind"]
        if kind == "rows":
            return list(rows_result(table, *sources))
        if kind == "group":
            return list(group_result(table, *sources))
        if kind in ("join", "union"):
            return list((join_result if kind == "join" else union_result)(table, *sources))
        return list(window_result(table, *sources, self.columns[table["reads"][0]]))

    def check(self):
        owned = set()
        for table in self.world["tables"]:
            result = self.result(table)
            self.check_current(table, result)
            if table["history"]:
                kept = [row for row in result if all(row[c] is not None for c in table["key"])]
                wanted = {as_tuple(row, table["columns"]): row for row in kept}
                self.same(table["full_name"] + "_history", list(wanted.values()), table["columns"])
                self.rows[table["full_name"] + "_history"] = list(wanted.values())
            reads = set(table["reads"])
            if len(reads) == 1 and next(iter(reads)) in self.lines and not reads & owned:
                owned |= reads
                self.check_states(table, result, next(iter(reads)))
        for source in set(self.lines) - owned:
            bad = len(self.lines[source]) - len(self.rows[source])
            self.same_states(source, {"quarantined": bad, "filtered": len(self.rows[source])})
        for view in self.world["views"]:
            rows = self.found[f"processed.{view['table']}{'_history' if view['history'] else ''}"]
            wanted = [{"id": r["id"], "event_time": r["ts"], "known_time": r["rep"], "v": r["v"]} for r in rows]
            self.same(f"feature.{view['name']}_v1", wanted, ["id", "event_time", "known_time", "v"])

    def check_current(self, table, result):
        name, columns, key = table["full_name"], table["columns"], table["key"]
        found = {}
        for row in self.found[name]:
            if found.setdefault(as_tuple(row, key), row) is not row:
                raise Wrong(f"{name} holds a key twice: {as_tuple(row, key)}")
        candidates = collections.defaultdict(list)
        for row in result:
            if all(row[c] is not None for c in key):
                candidates[as_tuple(row, key)].append(row)
        if set(candidates) != set(found):
            raise Wrong(f"{name}: keys wrongly there {sorted(set(found) - set(candidates), key=repr)}, "
                        f"missing {sorted(set(candidates) - set(found), key=repr)}")
        order = lambda row: [nulls_first(row[c]) for c in table["order"]]  # noqa: E731
        for at, rows in candidates.items():
            last = max(map(order, rows))
            standing = [as_tuple(row, columns) for row in rows if order(row) == last]
            if as_tuple(found[at], columns) not in standing:
                raise Wrong(f"{name}: of key {at} stands {as_tuple(found[at], columns)}, not one of {standing}")
        self.rows[name] = list(found.values())

    def check_states(self, table, result, source):
        bad, valid = len(self.lines[source]) - len(self.rows[source]), len(self.rows[source])
        if table["kind"] != "rows":
            return self.same_states(source, {"quarantined": bad, "processed": valid})
        kept = [row for row in result if all(row[c] is not None for c in table["key"])]
        counts = {"quarantined": bad + len(result) - len(kept), "filtered": valid - len(result), "processed": 0,
                  "duplicate": 0, "conflict": 0, "superseded": 0}
        keys = collections.defaultdict(lambda: collections.defaultdict(set))
        for row in kept:
            keys[as_tuple(row, table["key"])][as_tuple(row, table["order"])].add(as_tuple(row, table["columns"]))
        for orders in keys.values():
            counts["processed"] += 1
            counts["superseded"] += len(orders) - 1
            counts["conflict"] += sum(len(contents) - 1 for contents in orders.values())
        counts["duplicate"] = len(kept) - sum(counts[s] for s in ("processed", "superseded", "conflict"))
        self.same_states(source, counts)

    def same_states(self, source, wanted):
        found = self.states.get(source.split(".")[1], {})
        if {k: n for k, n in wanted.items() if n} != {k: n for k, n in found.items() if n}:
            raise Wrong(f"states of {source}: {found}, not {wanted}")

    def same(self, name, wanted, columns):
        want = collections.Counter(as_tuple(row, columns) for row in wanted)
        have = collections.Counter(as_tuple(row, columns) for row in self.found[name])
        if want != have:
            raise Wrong(f"{name}: wrongly there {list((have - want).elements())}, "
                        f"missing {list((want - have).elements())}")
