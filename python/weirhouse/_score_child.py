"""The scoring child: runs a project's score.py for one model (its other side: src/rules/model/scorer.h).

Frames on the inherited socket, both ways, little-endian:
    u32 header bytes | u64 body bytes | header: JSON | body: an Arrow IPC stream
"""

import argparse
import importlib.util
import json
import os
import socket
import struct
import sys
import traceback

import pyarrow

from weirhouse._frame import with_dtypes

_PREFIX = struct.Struct("<IQ")
_TRACE_LINES_MAX = 12
_TEXT_MAX = 2000


def _receive(stream, size):
    """Exactly `size` bytes, or None where the other side has closed."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    got = 0
    while got < size:
        count = stream.recv_into(view[got:])
        if count == 0:
            return None
        got += count
    return buffer


def _send(stream, header, body=b""):
    head = json.dumps(header).encode()
    stream.sendall(_PREFIX.pack(len(head), len(body)) + head)
    if len(body):
        stream.sendall(body)


def _send_error(stream, request_id, error):
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    lines = "".join(lines).splitlines()[:-1][-_TRACE_LINES_MAX:]
    header = {
        "kind": "error",
        "id": request_id,
        "type": type(error).__name__,
        "message": str(error)[:_TEXT_MAX],
        "trace": [line[:_TEXT_MAX] for line in lines],
    }
    print("".join(traceback.format_exception(type(error), error, error.__traceback__)), flush=True)
    _send(stream, header)


def _load_script(path):
    spec = importlib.util.spec_from_file_location("score", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    # A script finds its neighbours, as it does when it is run by hand.
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec.loader.exec_module(module)
    for name in ("load", "predict"):
        if not callable(getattr(module, name, None)):
            raise AttributeError(f"{path} has no function {name}")
    return module


def _import_ahead():
    """table.to_pandas() imports pandas on its first call: not within the first request's time."""
    try:
        pyarrow.table({"x": [1.0]}).to_pandas()
    except ImportError:
        pass


def _as_stream(table):
    if isinstance(table, pyarrow.RecordBatch):
        table = pyarrow.Table.from_batches([table])
    if not isinstance(table, pyarrow.Table):
        raise TypeError(f"predict must return a pyarrow.Table, not {type(table).__name__}")
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _answer(stream, script, model, request_id, body):
    try:
        with pyarrow.ipc.open_stream(pyarrow.py_buffer(body)) as reader:
            features = with_dtypes(reader.read_all())
        result = _as_stream(script.predict(model, features))
    except Exception as error:  # whatever a model raises is an answer, not our end
        _send_error(stream, request_id, error)
        return
    _send(stream, {"kind": "result", "id": request_id}, result)


def serve(stream, script_path, artifacts):
    """Loads the model, says so, and answers until the other side closes."""
    try:
        script = _load_script(script_path)
        model = script.load(artifacts)
        _import_ahead()
    except Exception as error:
        _send_error(stream, 0, error)
        return 3
    _send(stream, {"kind": "ready", "id": 0})
    while True:
        prefix = _receive(stream, _PREFIX.size)
        if prefix is None:
            return 0
        header_bytes, body_bytes = _PREFIX.unpack(prefix)
        header = _receive(stream, header_bytes)
        body = _receive(stream, body_bytes) if header is not None else None
        if body is None:
            return 0
        _answer(stream, script, model, json.loads(bytes(header))["id"], body)


def main():
    parser = argparse.ArgumentParser(prog="weirhouse._score_child")
    parser.add_argument("--descriptor", type=int, required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--artifacts", required=True)
    arguments = parser.parse_args()
    stream = socket.socket(fileno=arguments.descriptor)
    stream.set_inheritable(False)  # what score.py starts must not hold our line open
    return serve(stream, arguments.script, arguments.artifacts)


if __name__ == "__main__":
    sys.exit(main())
