"""Reads a project's catalog and tables without any of the product's code.

Only the standard library (sqlite3, json, zlib) and pyarrow for Parquet: what this finds does not
depend on how the product reads. Iceberg's Avro files are decoded here, as far as manifests and
manifest lists need it.
"""
import functools
import gzip
import hashlib
import json
import pathlib
import shutil
import sqlite3
import struct
import tempfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq


# ---- Avro object container files (specification 1.11): magic, metadata map, sync marker, blocks.

class _Avro:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("Avro file is cut short")
        piece = self.data[self.at:self.at + count]
        self.at += count
        return piece

    def long(self):
        shift = result = 0
        while True:
            byte = self.take(1)[0]
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (result >> 1) ^ -(result & 1)
            shift += 7

    def bytes(self):
        return self.take(self.long())

    def blocks(self, read_item):
        while (count := self.long()) != 0:
            if count < 0:
                self.long()
                count = -count
            for _ in range(count):
                read_item()

    def value(self, schema):
        if isinstance(schema, list):
            return self.value(schema[self.long()])
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, (dict, list)):
            return self.value(kind)
        if kind == "null":
            return None
        if kind == "boolean":
            return self.take(1)[0] == 1
        if kind in ("int", "long"):
            return self.long()
        if kind == "float":
            return struct.unpack("<f", self.take(4))[0]
        if kind == "double":
            return struct.unpack("<d", self.take(8))[0]
        if kind == "bytes":
            return self.bytes()
        if kind == "string":
            return self.bytes().decode()
        if kind == "fixed":
            return self.take(schema["size"])
        if kind == "record":
            return {field["name"]: self.value(field["type"]) for field in schema["fields"]}
        if kind == "array":
            items = []
            self.blocks(lambda: items.append(self.value(schema["items"])))
            return items
        if kind == "map":
            entries = {}
            self.blocks(lambda: entries.__setitem__(self.bytes().decode(), self.value(schema["values"])))
            return entries
        raise ValueError(f"Avro type {kind} is not known")


def read_avro(path):
    """The records of an Avro container file."""
    reader = _Avro(pathlib.Path(path).read_bytes())
    if reader.take(4) != b"Obj\x01":
        raise ValueError(f"not an Avro file: {path}")
    meta = {}
    reader.blocks(lambda: meta.__setitem__(reader.bytes().decode(), reader.bytes()))
    sync = reader.take(16)
    schema = json.loads(meta["avro.schema"])
    codec = meta.get("avro.codec", b"null").decode()
    records = []
    while reader.at < len(reader.data):
        count = reader.long()
        block = reader.bytes()
        if codec == "deflate":
            block = zlib.decompress(block, -15)
        elif codec != "null":
            raise ValueError(f"Avro codec {codec} is not known")
        inner = _Avro(block)
        records.extend(inner.value(schema) for _ in range(count))
        if reader.take(16) != sync:
            raise ValueError(f"Avro block without its sync marker: {path}")
    return records


# ---- The catalog

class Catalog:
    """The catalog's rows as of one moment. Reads a copy, so that looking changes nothing."""

    def __init__(self, project):
        state = pathlib.Path(project) / ".weirhouse"
        self._folder = tempfile.mkdtemp(prefix="weirhouse-check-")
        copy = pathlib.Path(self._folder) / "catalog.db"
        for suffix in ("", "-wal"):
            source = state / ("catalog.db" + suffix)
            if source.exists():
                shutil.copyfile(source, str(copy) + suffix)
        self.db = sqlite3.connect(copy)
        self.db.row_factory = sqlite3.Row

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def rows(self, sql, *parameters):
        return self.db.execute(sql, parameters).fetchall()

    def one(self, sql, *parameters):
        row = self.db.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def has(self, table):
        return self.one("SELECT count(*) FROM sqlite_master WHERE name = ?", table) == 1


# ---- Tables

def local(location):
    return pathlib.Path(location.removeprefix("file://"))


def sha256_of(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


@functools.lru_cache(maxsize=4096)
def _entries(path, _mtime_ns, _size):
    return read_avro(path)


def entries_of(path):
    """Like read_avro, once for each state of a file: most manifests are named by many snapshots."""
    stat = path.stat()
    return _entries(path, stat.st_mtime_ns, stat.st_size)


class Snapshot:
    """One snapshot of an Iceberg v2 table: its files and, read through them, its rows."""

    def __init__(self, metadata, snapshot):
        self.metadata = metadata
        self.id = snapshot["snapshot-id"]
        self.summary = snapshot.get("summary", {})
        self.manifest_list = local(snapshot["manifest-list"])
        self.manifests = [local(m["manifest_path"]) for m in entries_of(self.manifest_list)]
        self.data_files = []
        self.delete_files = []
        for manifest in self.manifests:
            for entry in entries_of(manifest):
                if entry["status"] == 2:    # deleted
                    continue
                file = entry["data_file"]
                (self.data_files if file["content"] == 0 else self.delete_files).append(file)

    def paths(self):
        return [self.manifest_list, *self.manifests,
                *(local(f["file_path"]) for f in self.data_files + self.delete_files)]

    def rows(self):
        """All rows as one Arrow table; None if the snapshot has no files."""
        deleted = {}
        for file in self.delete_files:
            if file["content"] != 1:
                raise ValueError(f"equality deletes are not expected here: {file['file_path']}")
            table = pq.read_table(local(file["file_path"]))
            for path, position in zip(table["file_path"].to_pylist(), table["pos"].to_pylist()):
                deleted.setdefault(str(local(path)), set()).add(position)
        parts = []
        for file in self.data_files:
            path = local(file["file_path"])
            table = pq.ParquetFile(path).read()
            if table.num_rows != file["record_count"]:
                raise ValueError(f"{path} has {table.num_rows} rows, its manifest says {file['record_count']}")
            gone = deleted.get(str(path))
            if gone:
                table = table.filter(pa.array([i not in gone for i in range(table.num_rows)]))
            parts.append(table)
        known = {str(local(f["file_path"])) for f in self.data_files}
        if not set(deleted) <= known:
            raise ValueError(f"position deletes of files outside the snapshot: {set(deleted) - known}")
        return pa.concat_tables(parts, promote_options="default") if parts else None


class Table:
    """One metadata.json and the snapshots it names."""

    def __init__(self, metadata_location):
        self.path = local(metadata_location)
        content = self.path.read_bytes()
        self.metadata = json.loads(gzip.decompress(content) if self.path.name.endswith(".gz.metadata.json") else content)

    def snapshot(self, snapshot_id):
        for snapshot in self.metadata["snapshots"]:
            if snapshot["snapshot-id"] == snapshot_id:
                return Snapshot(self.metadata, snapshot)
        raise ValueError(f"{self.path} has no snapshot {snapshot_id}")

    def current(self):
        current = self.metadata.get("current-snapshot-id")
        return None if current in (None, -1) else self.snapshot(current)
