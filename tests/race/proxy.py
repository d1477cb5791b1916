"""A proxy that hands requests on and loses some of the answers: the client's connection is closed instead."""
import random
import socket
import threading


class LosingProxy:
    """Forwards to `port`; of the answers to commits loses about one in `one_in`, `lose` in all."""

    def __init__(self, port, lose, one_in, seed):
        self.target, self.left, self.one_in, self.lost = port, lose, one_in, 0
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def close(self):
        self.listener.close()

    def loses_next(self):
        with self.lock:
            if self.left == 0 or self.random.randrange(self.one_in):
                return False
            self.left -= 1
            self.lost += 1
            return True

    def serve(self, client):
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while True:
                    request = read_message(client)
                    if request is None:
                        return
                    server.sendall(request)
                    answer = read_message(server)
                    if answer is None:
                        return
                    if request.startswith(b"POST") and self.loses_next():
                        return
                    client.sendall(answer)
        except OSError:
            pass


def read_message(connection):
    """One HTTP message with its body; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(1 << 16)
        if not more:
            return None
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(rest) < length:
        more = connection.recv(1 << 16)
        if not more:
            return None
        rest += more
    return head + b"\r\n\r\n" + rest
