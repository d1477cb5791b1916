"""A client of the daemon's HTTP (wh serve), on the standard library alone."""

import datetime
import http.client
import json
import math
import os
import urllib.parse

from weirhouse._error import WeirhouseError


class InvalidInput(WeirhouseError):
    """The request is at fault: change it."""


class PermissionDenied(WeirhouseError):
    """The token is missing, wrong, or not enough."""


class NotFound(WeirhouseError):
    """What was asked for by name does not exist."""


class Conflict(WeirhouseError):
    """Another writer won: look again and redo."""


class Unavailable(WeirhouseError):
    """The daemon is not there, too busy, or too slow: the same call may work later."""


_BY_STATUS = {
    401: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
_ANSWER_BYTES_MAX = 256 << 20


def connect(url="http://127.0.0.1:8642", token=None, timeout=30.0):
    """A client; `token` is by default what WEIRHOUSE_TOKEN holds. Nothing is sent yet."""
    return Client(url, token=token, timeout=timeout)


class Client:
    """Speaks to one daemon. A connection per call: safe to share between threads."""

    def __init__(self, url, token=None, timeout=30.0):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"not the address of a daemon: {url!r}")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise InvalidInput(f"the address of a daemon has a host and a port only: {url!r}")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._token = token if token is not None else os.environ.get("WEIRHOUSE_TOKEN")
        self._timeout = timeout

    def __repr__(self):  # never the token
        return f"Client({self._host}:{self._port})"

    def status(self):
        """The daemon's state as a dict."""
        return self._call("GET", "/v1/status")

    def online(self, views, keys, request=None, at=None):
        """The features of one entity now, or at `at`, with a status for each value."""
        body = {"views": [views] if isinstance(views, str) else list(views), "keys": dict(keys)}
        if request is not None:
            body["request"] = dict(request)
        if at is not None:
            body["at"] = at
        return self._call("POST", "/v1/features/online", body)

    def predict(self, model, **fields):
        """The prediction of a deployed model for one request; `at` is a field like any other."""
        return self._call("POST", f"/v1/models/{_step(model)}", fields)

    def trace(self, id):
        """Where a prediction, model, training set or row came from."""
        return self._call("GET", f"/v1/trace/{_step(id)}")

    def _call(self, method, path, body=None):
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        payload = None
        if body is not None:
            try:
                payload = json.dumps(_named(body), default=_plain, allow_nan=False).encode()
            except (TypeError, ValueError) as error:
                raise InvalidInput(f"the request cannot be written as JSON: {error}") from error
            headers["Content-Type"] = "application/json"
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        try:
            connection.request(method, path, body=payload, headers=headers)
            response = connection.getresponse()
            content = response.read(_ANSWER_BYTES_MAX)
            status = response.status
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"no answer from {self._host}:{self._port}: {error or type(error).__name__}",
                hint="is `wh serve` running, on this port?",
            ) from error
        finally:
            connection.close()
        return _read(status, content)


def _step(name):
    """A name as one step of a path."""
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"not a name: {name!r}")
    return urllib.parse.quote(name, safe="@:-._~")


def _named(value):
    """NaN and infinities as the daemon writes them too: JSON has no numbers for them."""
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "item"):
        value = _plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _plain(value):
    """Times and NumPy scalars as JSON."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise TypeError(f"the time {value} has no zone")
        return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _read(status, content):
    try:
        answer = json.loads(content) if content else {}
    except ValueError as error:
        raise Unavailable(f"the answer (status {status}) is not JSON: is this a daemon?") from error
    if 200 <= status < 300:
        return answer
    details = answer.get("error", {}) if isinstance(answer, dict) else {}
    kind = _BY_STATUS.get(status, InvalidInput if 400 <= status < 500 else WeirhouseError)
    raise kind(
        details.get("message") or f"the daemon answered with status {status}",
        code=details.get("code", ""),
        hint=details.get("hint", ""),
    )
