"""The training job's side of the job folder (its other side: src/rules/model/train.h).

Reads job.json and the training set; writes metrics.json and environment.json, whole and atomically,
when the process ends by itself. pyarrow is imported when rows are first asked for.
"""

import atexit
import hashlib
import json
import math
import os
import platform
import sys
import tempfile

from weirhouse._error import WeirhouseError

_SCHEMA_VERSION = 1
_current = None


class JobError(WeirhouseError):
    """The process is not a training job, or the job was used in a way it does not offer."""


def current_job():
    """The job of this process: one object, however often it is asked for."""
    global _current
    if _current is None:
        folder = os.environ.get("WEIRHOUSE_JOB")
        if not folder:
            raise JobError(
                "this process is not a training job",
                hint="run it through `wh model train NAME`, which sets WEIRHOUSE_JOB",
            )
        _current = Job(folder)
        atexit.register(_current._finish)
    return _current


class Job:
    """What one training run has: its training set, parameters, metrics and output folder."""

    def __init__(self, folder):
        self._folder = os.path.abspath(folder)
        path = os.path.join(self._folder, "job.json")
        try:
            with open(path, encoding="utf-8") as file:
                description = json.load(file)
        except (OSError, ValueError) as error:
            raise JobError(f"could not read the job: {path}: {error}") from error
        if description.get("schema_version") != _SCHEMA_VERSION:
            raise JobError(
                f"the job has schema version {description.get('schema_version')}, "
                f"this package reads {_SCHEMA_VERSION}",
                hint="install the weirhouse package of the same release as wh",
            )
        self._description = description
        self._metrics = {}
        self._training_set = None
        # Python forgets the name of the main script before the exit handlers run.
        self._main = getattr(sys.modules.get("__main__"), "__file__", None)

    @property
    def model(self):
        """The model's name."""
        return self._description["model"]

    @property
    def params(self):
        """The parameters as declared, or as overridden for this run. A fresh copy."""
        return json.loads(json.dumps(self._description["params"]))

    @property
    def training_set(self):
        if self._training_set is None:
            self._training_set = TrainingSet(self._description["training_set"])
        return self._training_set

    def metric(self, name, value):
        """Records one number; the last value of a name counts.

        Not-a-number and infinity are kept as null: no bound holds for them.
        """
        if not isinstance(name, str) or not name:
            raise JobError("a metric's name must be a text")
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise JobError(f"metric {name!r} must be a number, found {value!r}") from error
        self._metrics[name] = number if math.isfinite(number) else None
        self._write_metrics()

    def path(self, name=""):
        """Where to write the artifact `name`; folders on the way are made."""
        root = os.path.join(self._folder, "model")
        path = os.path.normpath(os.path.join(root, name))
        if path != root and not path.startswith(root + os.sep):
            raise JobError(f"{name!r} leads out of the job's output folder")
        os.makedirs(root if path == root else os.path.dirname(path), exist_ok=True)
        return path

    def _write_metrics(self):
        _replace(os.path.join(self._folder, "metrics.json"), self._metrics)

    def _finish(self):
        self._write_metrics()
        environment = _environment(self._description.get("project", os.getcwd()), self._main)
        _replace(os.path.join(self._folder, "environment.json"), environment)


class TrainingSet:
    """Rows in training order. Holds the whole set in memory once it is first read."""

    def __init__(self, description):
        self._description = description
        self._rows = None

    @property
    def id(self):
        return self._description["id"]

    @property
    def digest(self):
        return self._description["digest"]

    @property
    def feature_names(self):
        return list(self._description["features"])

    @property
    def label_name(self):
        return self._description["label"]

    @property
    def table(self):
        """Every column of every row, as a pyarrow.Table."""
        if self._rows is None:
            import pyarrow.parquet

            from weirhouse._frame import with_dtypes

            rows = pyarrow.parquet.ParquetFile(self._description["path"]).read()
            self._rows = with_dtypes(rows, set(self.feature_names))
            wanted = self.feature_names + [self.label_name]
            missing = [name for name in wanted if name not in self._rows.column_names]
            if missing:
                raise JobError(f"the training set {self.id} lacks the columns {missing}")
        return self._rows

    @property
    def features(self):
        return self._part(self.table).features

    @property
    def label(self):
        return self._part(self.table).label

    def split(self, name):
        """The rows of one split, in order; an empty split is an error, never a silent nothing."""
        column = self._description["split_column"]
        if not column:
            if name == "train":
                return self._part(self.table)
            raise JobError(f"the training set {self.id} has one split, 'train'; not {name!r}")
        import pyarrow.compute

        names = self.table.column(column)
        rows = self.table.filter(pyarrow.compute.equal(names, name))
        if rows.num_rows == 0:
            known = sorted(str(n) for n in pyarrow.compute.unique(names).to_pylist())
            raise JobError(f"the training set {self.id} has no split {name!r}; it has {known}")
        return self._part(rows)

    def _part(self, rows):
        return Split(rows, self.feature_names, self.label_name)


class Split:
    """Some rows of a training set: `.features`, `.label`, or every column as `.table`."""

    def __init__(self, rows, feature_names, label_name):
        self.table = rows
        self._feature_names = feature_names
        self._label_name = label_name

    def __len__(self):
        return self.table.num_rows

    @property
    def features(self):
        """The feature columns only, in training order."""
        return Frame(self.table.select(self._feature_names))

    @property
    def label(self):
        return Column(self.table.column(self._label_name))


class Frame:
    """Columns, as whatever library the caller likes.

    Types and dtypes are those of the table that `predict` gets: in pandas integers are Int64 and
    booleans boolean, with pd.NA for NULL; numbers are float64, with NaN.
    """

    def __init__(self, rows):
        self._rows = rows

    def __len__(self):
        return self._rows.num_rows

    @property
    def column_names(self):
        return list(self._rows.column_names)

    def to_arrow(self):
        return self._rows

    def to_pandas(self):
        return self._rows.to_pandas()

    def to_polars(self):
        import polars

        return polars.from_arrow(self._rows)

    def to_numpy(self):
        """A float matrix, rows by columns; NULL is NaN."""
        return self._rows.to_pandas().to_numpy(dtype="float64")


class Column:
    """One column, as whatever library the caller likes."""

    def __init__(self, values):
        self._values = values

    def __len__(self):
        return len(self._values)

    def to_arrow(self):
        return self._values

    def to_numpy(self):
        return self._values.to_numpy()

    def to_pandas(self):
        return self._values.to_pandas()

    def to_pylist(self):
        return self._values.to_pylist()


def _replace(path, content):
    """Writes JSON so that a reader sees all of it or none of it."""
    handle, scratch = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, sort_keys=True, allow_nan=False)
            file.write("\n")
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def _environment(project, main):
    """What the run depended on, for `wh reproduce` to compare."""
    from importlib import metadata

    packages = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            packages.setdefault(name.lower().replace("_", "-"), distribution.version)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.machine()} {'-'.join(platform.libc_ver())}",
        "packages": packages,
        "scripts": _scripts(project, main),
    }


def _scripts(project, main):
    """Digest of each Python file of the project that this process loaded."""
    root = os.path.realpath(project) + os.sep
    scripts = {}
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    for file in [main, *files]:
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = os.path.realpath(file)
        if not path.startswith(root) or "site-packages" in path:
            continue
        try:
            with open(path, "rb") as source:
                digest = hashlib.sha256(source.read()).hexdigest()
        except OSError:
            continue
        scripts[os.path.relpath(path, root).replace(os.sep, "/")] = digest
    return scripts
