"""Asks a daemon over HTTP, again and again, until it is told to stop or nobody answers."""
import http.client
import json
import threading


def ask(port, method, path, token, body=None, headers=None):
    """(status, answer as an object); (None, …) if nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return None, {"error": str(error)}
    finally:
        connection.close()


class Reader:
    """Status and features, while it lives; `problems`: answers that must never be."""

    def __init__(self, port, token):
        self.port, self.token = port, token
        self.problems = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(60)

    def read(self):
        number = 0
        while not self.stop.wait(0.05):
            number += 1
            if number % 3 == 0:
                status, answer = ask(self.port, "GET", "/v1/status", self.token)
                if status == 200 and not answer.get("adds_up"):
                    self.problems.append(f"/v1/status: the record states do not add up: {str(answer)[:300]}")
            else:
                status, answer = ask(self.port, "POST", "/v1/features", self.token, {
                    "features": ["f@1:*"], "keys": {"id": f"k{number % 6}"}, "at": "2024-01-12T00:00:00Z"})
            if status is None:
                continue    # it is gone, or not there yet
            if status not in (200, 404, 408, 429, 503):
                self.problems.append(f"read over HTTP: {status} {str(answer)[:300]}")
