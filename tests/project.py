"""A project driven from outside, as a person would: through the command and through files."""
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECTS = ROOT / "src/testing/projects"  # folders that tests in C++ copy too
WH = os.environ.get("WEIRHOUSE_WH", str(ROOT / "build/dev/bin/wh"))
# The same command with a library in which WEIRHOUSE_PLANT plants bugs (the target wh_planted): the product has no such switch.
PLANTED_WH = str(pathlib.Path(WH).parent.parent / "planted/bin/wh")
# Views that declare no known time: theirs is the moment of ingestion, which no two runs share.
KNOWN_WHEN_INGESTED = ("feature.plane_facts_v1",)
SOURCES = ("plane", "departure", "arrival", "weather")


def environment(extra=None):
    """What every child gets: an interpreter that has the example's package, and no colours."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("WEIRHOUSE_")}
    env["WEIRHOUSE_PYTHON"] = sys.executable
    env["PATH"] = f"{pathlib.Path(sys.executable).parent}:{env.get('PATH', '')}"
    env["NO_COLOR"] = "1"
    env.update(extra or {})
    return env


class Failed(AssertionError):
    pass


class Project:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.token = None

    @classmethod
    def make(cls, folder):
        """The flights example, without any data."""
        project = cls(folder)
        done = project.wh("init", "--example", "flights", str(folder), "--json", cwd=pathlib.Path(folder).parent)
        project.token = json.loads(done.stdout).get("token")
        return project

    @classmethod
    def copy(cls, name, folder):
        """One of PROJECTS, without any state."""
        shutil.copytree(PROJECTS / name, folder)
        return cls(folder)

    @classmethod
    def trips(cls, folder, name, files):
        """The trips, each known when it happens, in a project of that name, with more files; initialised."""
        project = cls.copy("trips", folder)
        project.edit("weirhouse.yaml", ("name: city", f"name: {name}"))
        project.edit("contracts/trips.odcs.yaml", ("      - { name: known_at, logicalType: timestamp, required: true }\n", ""))
        project.edit("processed/trips.sql", ("known known_at", "known at"))
        for path, text in files.items():
            project.write(path, text)
        project.token = json.loads(project.wh("init", "--json").stdout)["token"]
        return project

    def wh(self, *arguments, code=0, env=None, cwd=None, timeout=300, stdin=None):
        """Runs the command; fails the test unless it ends with `code` (None = any)."""
        done = subprocess.run([WH, *map(str, arguments)], cwd=cwd or self.folder, env=environment(env),
                              capture_output=True, text=True, timeout=timeout, input=stdin)
        if code is not None and done.returncode != code:
            raise Failed(f"wh {' '.join(map(str, arguments))} ended with {done.returncode}, not {code}\n"
                         f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done

    def json(self, *arguments, **options):
        return json.loads(self.wh(*arguments, "--json", **options).stdout)

    def apply(self):
        return self.wh("apply", "--yes")

    def land(self, source, name, data):
        """Puts a file into the landing folder, whole, as a sender should."""
        folder = self.folder / "landing" / source
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{name}.part"
        part.write_bytes(data)
        part.rename(folder / name)

    def land_all(self, landing, days=None, sources=SOURCES):
        """Lands files of another landing folder; `days` = first and last date, inclusive."""
        for source in sources:
            for path in sorted((pathlib.Path(landing) / source).iterdir()):
                if days and source != "plane" and not days[0] <= path.name[:10] <= days[1]:
                    continue
                self.land(source, path.name, path.read_bytes())

    def write(self, path, text):
        """A definition file, whole."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def edit(self, path, *changes):
        """Replaces texts of a definition file, each of which must be there."""
        file = self.folder / path
        text = file.read_text()
        for old, new in changes:
            assert old in text, f"{path} does not hold {old!r}"
            text = text.replace(old, new)
        file.write_text(text)

    def status(self):
        return self.json("status")

    def rows(self, query):
        return self.json("sql", query)["rows"]

    def tables(self, *namespaces):
        names = [table["table"] for table in self.status()["tables"]]
        return sorted(name for name in names if name.split(".")[0] in namespaces)

    def digest(self, table):
        """Rows and the sum of their hashes over the declared columns: equal content, equal digests, any order."""
        hidden = " and c <> 'known_time'" if table in KNOWN_WHEN_INGESTED else ""
        row = self.rows(f"select count(*) as n, sum(hash(r)::hugeint)::varchar as h from "
                        f"(select columns(c -> not starts_with(c, '_'){hidden}) from {table}) r")[0]
        return row["n"], row["h"]

    def digests(self, *namespaces):
        return {name: self.digest(name) for name in self.tables(*(namespaces or ("processed", "feature")))}

    @contextlib.contextmanager
    def serve(self, *arguments, env=None, ready=30, wh=WH):
        """The daemon, ended at the end; yields its process with `port` set."""
        port = free_port()
        log = open(self.folder / "serve.log", "ab")
        process = subprocess.Popen([wh, "serve", "--port", str(port), *arguments], cwd=self.folder,
                                   env=environment(env), stdout=log, stderr=log, start_new_session=True)
        process.port = port
        try:
            deadline = time.monotonic() + ready
            while process.poll() is None and not answers(port):
                if time.monotonic() > deadline:
                    raise Failed(f"the daemon is not ready after {ready} s")
                time.sleep(0.02)
            yield process
        finally:
            log.close()
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _ports():
    """Ports that no connection is given by itself, so that none of a test beside this one takes them; each process begins elsewhere."""
    first, count = 10_000, 20_000
    while True:
        for number in range(count):
            yield first + (os.getpid() * 61 + number) % count


PORTS = _ports()
# Names that tell other test processes of this machine which ports this one was given; those that it still uses are among the last.
RESERVED = collections.deque(maxlen=256)


def free_port():
    """One that nobody listens on, and that no other test process is given while this one lives."""
    for port in PORTS:
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe, contextlib.suppress(OSError):
            name.bind(f"\0weirhouse-test-port-{port}")  # of no file: it goes with the process
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            RESERVED.append(name)
            return port
        name.close()


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def write_demo_data(folder, *arguments):
    """The example's data in `folder`/landing, and the command's report of it."""
    folder = pathlib.Path(folder)
    project = Project.make(folder)
    report = project.json("demo-data", *arguments)
    shutil.rmtree(folder / ".weirhouse", ignore_errors=True)
    return report
