"""One DuckDB or pyiceberg writer, or a reader, of the race: a process of its own. See race_test.py."""
import argparse
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

import engines
import pyarrow as pa

ROWS_PER_OP = 5
ROWS = pa.schema([("writer", pa.int32()), ("op", pa.int64()), ("part", pa.int32())])


def rows_of(writer, op):
    return [{"writer": writer, "op": op, "part": part} for part in range(ROWS_PER_OP)]


def is_conflict(error):
    """Whether the client gave up for certain, with nothing committed: a conflict, or (pyiceberg, when it wants to try again)
    the snapshot it began with has been expired meanwhile."""
    text = str(error)
    return "Cannot find starting snapshot" in text or "409" in text or "CommitFailed" in text or "WH7060" in text or "WH7002" in text or "onflict" in text


def write(arguments, log):
    engine = engines.ENGINES[arguments.engine](arguments.uri, arguments.token)
    chance = random.Random(arguments.seed)
    for op in range(arguments.ops):
        several = arguments.engine == "duckdb" and chance.random() < 0.4
        tables = chance.sample(arguments.tables, 2) if several else [chance.choice(arguments.tables)]
        for _ in range(300):
            log({"op": op, "try": tables})
            try:
                if arguments.engine == "pyiceberg":
                    engine.table(tables[0]).append(pa.Table.from_pylist(rows_of(arguments.writer, op), schema=ROWS))
                else:
                    engine.db.execute("BEGIN")
                    for table in tables:
                        values = ", ".join(f"({arguments.writer}, {op}, {part})" for part in range(ROWS_PER_OP))
                        engine.db.execute(f"INSERT INTO x.{table} VALUES {values}")
                    engine.db.execute("COMMIT")
                log({"op": op, "status": 200})
                break
            except Exception as error:
                if arguments.engine == "duckdb":
                    try:
                        engine.db.execute("ROLLBACK")
                    except Exception:
                        pass    # it is rolled back already
                if not is_conflict(error):
                    log({"op": op, "status": 0, "error": str(error)[:1000]})
                    raise
                log({"op": op, "status": 409})
                time.sleep(chance.random() * 0.05)
        else:
            raise RuntimeError(f"op {op} never got through")


def rows_by_operation(table):
    counts = {}
    for batch in table.scan().to_arrow().to_batches():
        for writer, op in zip(batch["writer"].to_pylist(), batch["op"].to_pylist()):
            counts[writer, op] = counts.get((writer, op), 0) + 1
    return counts


class Tried:
    """What the writers' logs say so far: the tables of each operation, and which operation replaces it. A writer logs
    before it sends, so whatever a table shows stands there."""

    def __init__(self, folder):
        self.folder, self.read_to, self.tables, self.successor = folder, {}, {}, {}

    def read_on(self):
        for path in self.folder.glob("[0-9]*.jsonl"):
            with open(path, "rb") as lines:
                lines.seek(self.read_to.get(path, 0))
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self.read_to[path] = self.read_to.get(path, 0) + len(line)
                    entry = json.loads(line)
                    if "try" in entry:
                        self.tables[int(path.stem), entry["op"]] = entry["try"]
                        if "replaces" in entry:
                            self.successor[int(path.stem), entry["replaces"]] = (int(path.stem), entry["op"])

    def shows(self, counts, key):
        """Whether `counts` holds the operation, or one that took its place since."""
        while key is not None and key not in counts:
            key = self.successor.get(key)
        return key is not None


def read(arguments, log):
    """Looks again and again until told to stop: each operation whole or absent, nothing doubled, and what one table shows
    of an operation in several tables, a table looked at later shows too."""
    engine, tried = engines.PyIceberg(arguments.uri, arguments.token), Tried(pathlib.Path(arguments.log).parent)
    chance, stop, looks, compared = random.Random(arguments.seed), pathlib.Path(arguments.stop), 0, 0
    while not stop.exists():
        first, second = chance.sample(arguments.tables, 2)
        seen = {}
        for table in (first, second):
            seen[table] = rows_by_operation(engine.table(table))
            broken = {f"{key}": count for key, count in seen[table].items() if count != ROWS_PER_OP}
            if broken:
                log({"violation": f"{table} shows parts of operations", "ops": broken})
        tried.read_on()
        for key in seen[first]:
            if second not in tried.tables[key]:
                continue
            compared += 1
            if not tried.shows(seen[second], key):
                log({"violation": f"{first} showed what {second} did not show later", "op": key})
        looks += 1
        time.sleep(0.2)
    if not compared:
        log({"violation": "no operation in several tables was ever seen"})
    log({"looks": looks, "compared": compared})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["write", "read"])
    parser.add_argument("--engine")
    parser.add_argument("--uri")
    parser.add_argument("--token")
    parser.add_argument("--writer", type=int)
    parser.add_argument("--ops", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--log")
    parser.add_argument("--stop")
    parser.add_argument("--tables", type=lambda text: text.split(","))
    arguments = parser.parse_args()
    with open(arguments.log, "a", encoding="utf-8") as out:
        def log(line):
            out.write(json.dumps(line) + "\n")
            out.flush()
        (write if arguments.what == "write" else read)(arguments, log)


if __name__ == "__main__":
    main()
