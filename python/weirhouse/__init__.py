"""Weirhouse from Python.

In a training script, started by ``wh model train``::

    import weirhouse as wh
    job = wh.current_job()
    train = job.training_set.split("train")
    model = fit(train.features.to_pandas(), train.label.to_numpy(), **job.params)
    job.metric("roc_auc", 0.76)
    joblib.dump(model, job.path("model.joblib"))

Beside a running daemon (``wh serve``)::

    p = wh.connect("http://127.0.0.1:8642", token=...)
    p.predict("late", carrier="UA", origin="EWR", distance=1400)
"""

from weirhouse._client import (
    Client,
    Conflict,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unavailable,
    connect,
)
from weirhouse._error import WeirhouseError
from weirhouse._job import Job, JobError, current_job

__version__ = "0.1.0"
__all__ = [
    "Client",
    "Conflict",
    "InvalidInput",
    "Job",
    "JobError",
    "NotFound",
    "PermissionDenied",
    "Unavailable",
    "WeirhouseError",
    "connect",
    "current_job",
]
