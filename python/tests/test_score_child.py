import json
import os
import socket
import threading

import pyarrow
import pytest

from weirhouse import _score_child
from weirhouse._frame import with_dtypes

SCORE = """
import pyarrow
def load(path):
    return open(f"{path}/factor").read()
def predict(model, table):
    if table.num_rows == 0: raise KeyError("empty")
    return pyarrow.table({"score": [float(model) * v for v in table.column("x").to_pylist()]})
"""


class Peer:
    """Our side of the conversation, as src/rules/model/score_channel.cc speaks it."""

    def __init__(self, script, artifacts):
        self.stream, theirs = socket.socketpair()
        self.stream.settimeout(10)
        self.result = []

        def serve():
            self.result.append(_score_child.serve(theirs, script, artifacts))
            theirs.close()

        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def receive(self):
        prefix = _score_child._receive(self.stream, _score_child._PREFIX.size)
        header_bytes, body_bytes = _score_child._PREFIX.unpack(prefix)
        header = json.loads(bytes(_score_child._receive(self.stream, header_bytes)))
        return header, _score_child._receive(self.stream, body_bytes)

    def ask(self, request_id, table):
        body = _score_child._as_stream(table)
        _score_child._send(self.stream, {"kind": "predict", "id": request_id}, body)
        return self.receive()

    def end(self):
        self.stream.close()
        self.thread.join(10)
        return self.result[0]


@pytest.fixture
def start(tmp_path):
    def start_script(script=SCORE):
        (tmp_path / "score.py").write_text(script)
        (tmp_path / "factor").write_text("2")
        return Peer(str(tmp_path / "score.py"), str(tmp_path))

    return start_script


def test_it_answers_each_request_and_ends_with_its_owner(start):
    peer = start()
    assert peer.receive()[0] == {"kind": "ready", "id": 0}
    for request_id in (7, 8):
        header, body = peer.ask(request_id, pyarrow.table({"x": [1.0, 2.5]}))
        assert header == {"kind": "result", "id": request_id}
        table = pyarrow.ipc.open_stream(body).read_all()
        assert table.to_pydict() == {"score": [2.0, 5.0]}
    assert peer.end() == 0


def test_what_predict_raises_is_an_answer(start):
    peer = start()
    peer.receive()
    header, body = peer.ask(1, pyarrow.table({"x": pyarrow.array([], pyarrow.float64())}))
    assert (header["kind"], header["id"], header["type"]) == ("error", 1, "KeyError")
    assert header["message"] == "'empty'"
    assert any("score.py" in line for line in header["trace"])
    assert peer.ask(2, pyarrow.table({"x": [1.0]}))[0]["kind"] == "result"
    assert peer.end() == 0


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("def load(path): return 1", "AttributeError"),
        ("def load(path): raise OSError('no')\ndef predict(m, t): pass", "OSError"),
        ("def (", "SyntaxError"),
        ("import no_such_module_here", "ModuleNotFoundError"),
    ],
)
def test_a_script_that_cannot_be_loaded_says_why(start, script, kind):
    peer = start(script)
    header, _ = peer.receive()
    assert (header["kind"], header["id"], header["type"]) == ("error", 0, kind)
    assert peer.end() == 3


def test_an_answer_that_is_no_table_is_an_error(start):
    peer = start("def load(p): pass\ndef predict(m, t): return [1]")
    peer.receive()
    header, _ = peer.ask(1, pyarrow.table({"x": [1.0]}))
    assert header["type"] == "TypeError" and "not list" in header["message"]
    peer.end()


def test_a_record_batch_is_a_table_too(start):
    peer = start("def load(p): pass\ndef predict(m, t): return t.to_batches()[0]")
    peer.receive()
    header, _ = peer.ask(1, pyarrow.table({"x": [1.0]}))
    assert header["kind"] == "result"
    peer.end()


def test_a_script_finds_its_neighbours(start, tmp_path):
    (tmp_path / "neighbour_of_score.py").write_text("VALUE = 3")
    peer = start("import neighbour_of_score\ndef load(p): pass\ndef predict(m, t): return t")
    assert peer.receive()[0]["kind"] == "ready"
    peer.end()
    assert os.path.exists(tmp_path / "score.py")


DTYPES = """
import pyarrow
def load(path): return None
def predict(model, table):
    dtypes = table.to_pandas().dtypes.astype(str)
    return pyarrow.table({"score": [" ".join(dtypes)] * table.num_rows})
"""


def test_a_row_has_the_dtypes_that_training_had_whether_values_are_missing_or_not(start):
    peer = start(DTYPES)
    assert peer.receive()[0]["kind"] == "ready"
    schema = pyarrow.schema(
        [
            ("i", pyarrow.int64()),
            ("b", pyarrow.bool_()),
            ("d", pyarrow.float64()),
            ("s", pyarrow.string()),
            ("t", pyarrow.timestamp("us", "UTC")),
        ]
    )
    present = {"i": [1], "b": [True], "d": [1.5], "s": ["a"], "t": [1]}
    missing = {name: [None] for name in present}
    told = []
    for request_id, row in enumerate((present, missing)):
        table = pyarrow.table(row, schema=schema)
        _, body = peer.ask(request_id, table)
        told.append(pyarrow.ipc.open_stream(bytes(body)).read_all().column("score")[0].as_py())
        trained = with_dtypes(table).to_pandas().dtypes.astype(str)
        assert told[-1] == " ".join(trained)
    assert told[0] == told[1] and told[0].startswith("Int64 boolean float64")
    peer.end()
