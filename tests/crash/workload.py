"""The crash tests' project: ten days of flights and a bad one, thinned out so that a run takes a second."""
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from checker import Landed, check
from lake import Catalog
from project import PLANTED_WH, SOURCES, WH, Project, environment, free_port

KEEP = {"plane": 20, "departure": 12, "arrival": 12, "weather": 4}    # one record of so many
BAD_DAY = "2013-01-11"
DRAIN_SECONDS = 30    # a backlog must be gone by then, once nothing is killed any more (I12)
UNAVAILABLE = 8    # the exit code for what may be tried again
_FLIGHT = re.compile(rb'"flight_id":"[^"]*"')


def _kept(source, line):
    """A flight stays with all its reports, copies and corrections, or goes with them."""
    found = _FLIGHT.search(line)
    what = found.group() if found else line
    return int.from_bytes(hashlib.sha256(what).digest()[:4], "big") % KEEP[source] == 0


def _thin(source, data):
    lines = data.split(b"\n")[:-1]
    header = lines[:1] if source in ("plane", "weather") else []
    body = [line for line in lines[len(header):] if _kept(source, line)]
    return b"\n".join(header + body) + b"\n"


class Day:
    """The files of one batch."""

    def __init__(self, name):
        self.name = name
        self.files = []    # (source, file name)


def make_files(folder, seed):
    """Writes the thinned files to `folder`/SOURCE/NAME and returns the days in order."""
    folder = pathlib.Path(folder)
    whole = Project.make(folder / "whole")
    whole.wh("demo-data", "--days", "10", "--seed", seed, "--duplicates", "3%", "--late", "3%", "--malformed", "3%",
             "--corrections", "3%")
    whole.wh("demo-data", "--days", "10", "--bad-day", "utc-shift")
    days = {}
    for source in SOURCES:
        (folder / source).mkdir()
        for path in sorted((whole.folder / "landing" / source).iterdir()):
            (folder / source / path.name).write_bytes(_thin(source, path.read_bytes()))
            day = path.name[:10]
            days.setdefault(day, Day(day)).files.append((source, path.name))
    shutil.rmtree(whole.folder)
    return [days[name] for name in sorted(days)]


class Outcome:
    def __init__(self):
        self.violations = []
        self.killed = 0

    def add(self, when, violations):
        self.violations += [f"{violation} [{when}]" for violation in violations]


class Case:
    """One project's life: it is killed, started again, and looked at after each."""

    def __init__(self, folder, template, files, days, arm=None, kill_after=None, plant="", then=()):
        self.project = Project(folder)
        self.files = pathlib.Path(files)
        self.days = days
        self.arm = dict(arm or {})
        self.kill_after = kill_after
        self.wh = PLANTED_WH if plant else WH
        self.plant = {"WEIRHOUSE_PLANT": plant} if plant else {}
        self.then = list(then)    # the command that follows a kill, before what was killed is tried again
        self.landed = []
        self.outcome = Outcome()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder, symlinks=True)

    # ---- the sender
    def land(self, source, name):
        self.project.land(source, name, (self.files / source / name).read_bytes())
        self.landed.append(Landed(source, name, self.files / source / name))

    def land_day(self, day):
        for source, name in day.files:
            self.land(source, name)

    # ---- one process
    def environment(self):
        return environment({**self.plant, **self.arm})

    def start(self, *arguments):
        log = open(self.project.folder / "wh.log", "ab")
        process = subprocess.Popen([self.wh, *arguments], cwd=self.project.folder, env=self.environment(), stdout=log,
                                   stderr=log, start_new_session=True)
        log.close()
        return process

    def kill_in_time(self, process, started):
        """Ends the process group at the chosen moment, if that has come."""
        if self.kill_after is not None and time.monotonic() - started >= self.kill_after:
            self.kill_after = None
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def died(self, process):
        """Whether the process was killed; then it is not armed again and its leavings are checked."""
        if process.returncode not in (137, -signal.SIGKILL):
            return False
        self.arm = {}
        self.kill_after = None
        self.outcome.killed += 1
        self.outcome.add("after the kill", check(self.project.folder, self.landed, drained=False))
        return True

    def call(self, *arguments, expect=(0,)):
        """Runs a command until it is through; a killed one is started again."""
        for _ in range(4):
            started = time.monotonic()
            process = self.start(*arguments)
            while process.poll() is None:
                self.kill_in_time(process, started)
                if time.monotonic() - started > DRAIN_SECONDS:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    self.outcome.add(" ".join(arguments), [f"I12: not through within {DRAIN_SECONDS} s"])
                    return None
                time.sleep(0.003)
            if self.died(process):
                then, self.then = self.then, []
                if then:
                    self.call(*then)
                    self.outcome.add("after " + " ".join(then), check(self.project.folder, self.landed, drained=False))
                continue
            if process.returncode not in expect:
                self.outcome.add(" ".join(arguments), [f"I12: ended with {process.returncode}: {self.log_tail()}"])
            return process.returncode
        self.outcome.add(" ".join(arguments), ["I12: killed again and again"])
        return None

    def log_tail(self):
        lines = (self.project.folder / "wh.log").read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:])

    def halted(self):
        with Catalog(self.project.folder) as catalog:
            run = catalog.one("SELECT id FROM run WHERE state = 'halted'")
        return None if run is None else f"r{run}"

    def finish(self, excluded):
        for file in self.landed:
            file.excluded = excluded and file.source == "arrival" and file.name.startswith(BAD_DAY)
        self.outcome.add("drained", check(self.project.folder, self.landed, drained=True))
        return self.outcome


def decide(case, run, what):
    """A decision may have been taken just before the process died: asked again, it is refused, and work goes on."""
    if case.call("gate", what, run, "--reason", "crash test", expect=(0, 2, 5, 6)) != 0:
        case.call("run")
    if case.halted():
        case.outcome.add(f"gate {what}", ["I12: the decision was not taken: " + case.log_tail()])


def run_one_shot(case, full=False, maintained=True):
    """All has landed; `wh run` takes it in and halts at the bad day; some lands again; the bad day is discarded; tables are `maintained`."""
    for day in case.days:
        case.land_day(day)
    case.call("run", expect=(3,))
    for source, name in case.days[3].files:
        case.land(source, name)    # the same again
    run = case.halted()
    if run is None:
        case.outcome.add("run", ["I7: the bad day did not halt"])
        case.call("run")
    else:
        decide(case, run, "discard")    # and runs what waits
    if maintained:
        case.project.edit("weirhouse.yaml", ("retention:\n", "upkeep: { after_changes: 3, small_files: 2 }\nretention:\n"))
        for _ in range(3):
            case.call("run")    # a piece of upkeep at the end of each
    if full:
        case.call("run", "--full")
    return case.finish(excluded=run is not None)


class Daemon:
    def __init__(self, case):
        self.case = case
        self.process = None
        self.started = 0

    def ensure(self):
        """Starts it if it is not running; checks what it left behind if it was killed."""
        if self.process is not None and self.process.poll() is None:
            return
        if self.process is not None and self.process.returncode == UNAVAILABLE:
            time.sleep(0.1)    # a command found no daemon and works itself: one writer at a time
        elif self.process is not None and not self.case.died(self.process):
            self.case.outcome.add("serve", [f"I12: ended with {self.process.returncode}: {self.case.log_tail()}"])
        self.process = self.case.start("serve", "--port", str(free_port()))
        self.started = time.monotonic()

    def wait(self, condition, what):
        deadline = time.monotonic() + DRAIN_SECONDS
        while True:
            self.ensure()
            self.case.kill_in_time(self.process, self.started)
            if condition():
                return True
            if time.monotonic() > deadline:
                self.case.outcome.add("serve", [f"I12: not within {DRAIN_SECONDS} s: {what}: {self.case.log_tail()}"])
                return False
            time.sleep(0.03)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DRAIN_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                self.case.outcome.add("serve", ["I12: does not end when asked to"])
        self.case.died(self.process)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _taken_in(case, halted):
    """Everything that landed is in raw and used up, as far as a standing halt allows."""
    wanted = {(file.source, file.name) for file in case.landed}
    with Catalog(case.project.folder) as catalog:
        if not catalog.has("commit_log"):
            return False
        have = {(row["source"], row["name"]) for row in catalog.rows("SELECT source, name FROM object")}
        if not wanted <= have:
            return False
        stands = {row["consumer"]: row["position"] for row in catalog.rows("SELECT * FROM consumer_offset")}
        last = {row["layer"]: row["seq"] for row in catalog.rows(
            "SELECT layer, max(seq) AS seq FROM commit_log WHERE state = 'committed' GROUP BY layer")}
        if stands.get("feature", 0) < last.get("processed", 0):
            return False
        if halted:
            return catalog.one("SELECT count(*) FROM run WHERE state = 'halted'") == 1
        return stands.get("processed", 0) >= last.get("raw", 0)


def run_daemon(case):
    """`wh serve` runs while the days land one by one; the bad day is published by a person."""
    daemon = Daemon(case)
    try:
        daemon.ensure()
        for day in case.days:
            case.land_day(day)
            daemon.wait(lambda: True, "to be alive")
            time.sleep(0.05)
            if day is case.days[4]:
                for source, name in case.days[3].files:
                    case.land(source, name)    # the same again, while it works
        if not daemon.wait(lambda: _taken_in(case, halted=True), "the halt"):
            return case.outcome
        run = case.halted()
        arm, case.arm = case.arm, {}    # the command only asks; the daemon, which is armed, does it
        for _ in range(3):
            done = case.start("gate", "override", run, "--reason", "crash test")
            while done.poll() is None:
                daemon.ensure()
                time.sleep(0.02)
            if case.halted() is None:
                break
            daemon.wait(lambda: True, "to be alive again")
        else:
            case.outcome.add("gate override", ["I12: the decision was not taken: " + case.log_tail()])
        case.arm = arm if daemon.process.poll() is None else {}
        daemon.wait(lambda: _taken_in(case, halted=False), "the backlog")
        daemon.stop()
        return case.finish(excluded=False)
    finally:
        daemon.kill()


def make_template(folder, home):
    """An applied project without data at `home`, kept in `folder`.

    The files of planes and departures are deleted once they are taken in: to say so too early is to lose them.
    """
    shutil.rmtree(home, ignore_errors=True)
    project = Project.make(home)
    project.edit("weirhouse.yaml", ("    dedup_key: [tailnum]\n", "    dedup_key: [tailnum]\n    after: delete\n"),
                 ("    event_time: sched_dep_at\n", "    event_time: sched_dep_at\n    after: delete\n"))
    project.apply()
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(home, folder, symlinks=True)


def reached(list_file):
    path = pathlib.Path(list_file)
    return list(dict.fromkeys(path.read_text().split())) if path.exists() else []

