"""Each engine writes, each other reads the same rows: one catalog for all of them."""
import pytest

from engines import READERS, WRITERS, make_rows, normal

REWRITERS = tuple(name for name in WRITERS if name != "duckdb")    # it overwrites nothing whole, and makes no partitions, tags or branches
needs_spark = pytest.mark.skipif("spark" not in WRITERS, reason="needs Spark: make interop")
PARTITIONS = (("identity", "day"), ("bucket[4]", "id"), ("truncate[3]", "name"), ("year", "seen"), ("month", "seen"),
              ("day", "seen"), ("hour", "seen"))


def check(clients, table, rows, **at):
    expected = normal(rows)
    for reader in READERS:
        assert normal(clients[reader].read(table, **at)) == expected, f"{reader} reads other rows of {table}"
    if rows and not at:
        some = rows[len(rows) // 2]["id"]
        for reader in READERS:
            found = clients[reader].read_where_id(table, some)
            assert normal(found) == normal([row for row in rows if row["id"] == some]), f"{reader} filters {table} otherwise"


def merged(rows, changed):
    by_id = {row["id"]: row for row in rows}
    by_id.update({row["id"]: row for row in changed})
    return list(by_id.values())


@pytest.mark.parametrize("writer", WRITERS)
def test_create_append_evolve_update_delete(clients, writer):
    table = f"open.life_{writer}"
    engine = clients[writer]
    engine.create(table)
    rows = make_rows(0, 60)
    engine.append(table, rows)
    check(clients, table, rows)
    engine.append(table, make_rows(60, 20))
    rows += make_rows(60, 20)
    check(clients, table, rows)
    engine.add_column(table)
    engine.append(table, make_rows(80, 20, "late"))
    rows += make_rows(80, 20, "late")
    check(clients, table, rows)
    engine.delete(table, [0, 17, 61, 99])
    rows = [row for row in rows if row["id"] not in (0, 17, 61, 99)]
    check(clients, table, rows)
    changed = [{**row, "ratio": 99.5, "note": "changed"} for row in make_rows(20, 5)]
    engine.update(table, changed)
    rows = merged(rows, changed)
    check(clients, table, rows)


@pytest.mark.parametrize("writer", REWRITERS)
def test_overwrite(clients, writer):
    table = f"open.replaced_{writer}"
    clients[writer].create(table)
    clients[writer].append(table, make_rows(0, 30))
    clients[writer].overwrite(table, make_rows(100, 10))
    check(clients, table, make_rows(100, 10))


@needs_spark
@pytest.mark.parametrize("mode", ("copy-on-write", "merge-on-read"))
def test_merge_of_spark(clients, mode):
    table = f"open.merged_{mode.split('-')[0]}"
    clients["spark"].create(table, mode=mode)
    clients["spark"].append(table, make_rows(0, 40))
    changed = [{**row, "ratio": -1.25} for row in make_rows(10, 4)] + make_rows(40, 3)
    clients["spark"].update(table, changed)
    check(clients, table, merged(make_rows(0, 40), changed))


@pytest.mark.parametrize("writer", REWRITERS)
@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda p: p[0].split("[")[0])
def test_partitions_and_the_others_append(clients, writer, partition):
    """Whoever made the table, everyone appends to it, and everyone reads all of it."""
    table = f"open.by_{partition[0].split('[')[0]}_{writer}"
    clients[writer].create(table, partition)
    rows = []
    for turn, engine in enumerate([writer, *(name for name in WRITERS if name != writer)]):
        more = make_rows(turn * 50, 50)
        clients[engine].append(table, more)
        rows += more
    check(clients, table, rows)


@pytest.mark.parametrize("writer", WRITERS)
def test_the_others_change_what_one_made(clients, writer):
    table = f"open.shared_{writer}"
    if writer == "spark":    # DuckDB changes tables of merge-on-read alone
        clients[writer].create(table, mode="merge-on-read")
    else:
        clients[writer].create(table)
    rows = make_rows(0, 30)
    clients[writer].append(table, rows)
    for turn, engine in enumerate(name for name in WRITERS if name != writer):
        clients[engine].delete(table, [turn, turn + 10])
        changed = [{**row, "ratio": turn + 0.5} for row in make_rows(20 + turn, 1)]
        clients[engine].update(table, changed)
        rows = merged([row for row in rows if row["id"] not in (turn, turn + 10)], changed)
        check(clients, table, rows)


@pytest.mark.parametrize("writer", WRITERS)
def test_time_travel(clients, writer):
    table = f"open.past_{writer}"
    clients[writer].create(table)
    clients[writer].append(table, make_rows(0, 10))
    clients[writer].append(table, make_rows(10, 10))
    clients[writer].delete(table, [3])
    snapshots = clients["pyiceberg"].snapshots(table)
    check(clients, table, make_rows(0, 10), snapshot=snapshots[0])
    check(clients, table, make_rows(0, 20), snapshot=snapshots[1])
    check(clients, table, [row for row in make_rows(0, 20) if row["id"] != 3])


@pytest.mark.parametrize("writer", REWRITERS)
def test_tags_and_branches(clients, writer):
    """DuckDB knows neither; it goes on reading main."""
    table = f"open.tagged_{writer}"
    clients[writer].create(table)
    clients[writer].append(table, make_rows(0, 10))
    first = clients["pyiceberg"].snapshots(table)[-1]
    clients[writer].tag(table, "first", first)
    clients[writer].branch(table, "side", first)
    clients[writer].append(table, make_rows(10, 5))
    for ref in ("first", "side"):
        for reader in (name for name in READERS if name != "duckdb"):
            assert normal(clients[reader].read(table, ref=ref)) == normal(make_rows(0, 10)), f"{reader} reads {ref} otherwise"
    check(clients, table, make_rows(0, 15))


@needs_spark
def test_a_branch_that_spark_writes_and_fast_forwards(clients):
    spark = clients["spark"]
    spark.create("open.staged")
    spark.append("open.staged", make_rows(0, 10))
    spark.sql("ALTER TABLE x.open.staged CREATE BRANCH audit")
    spark.append("open.staged.branch_audit", make_rows(10, 5))
    check(clients, "open.staged", make_rows(0, 10))
    spark.sql("CALL x.system.fast_forward('open.staged', 'main', 'audit')")
    check(clients, "open.staged", make_rows(0, 15))


@needs_spark
def test_views_of_spark(clients):
    spark = clients["spark"]
    spark.create("open.base")
    spark.append("open.base", make_rows(0, 10))
    spark.sql("CREATE VIEW x.open.few AS SELECT id, ratio FROM x.open.base WHERE id < 3")
    assert [row["id"] for row in spark.sql("SELECT id FROM x.open.few ORDER BY id")] == [0, 1, 2]
    assert "few" in [row["viewName"] for row in spark.sql("SHOW VIEWS IN x.open")]
    spark.sql("DROP VIEW x.open.few")
