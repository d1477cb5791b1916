"""Iceberg's REST compatibility kit against `wh serve`, twice on each catalog.

    tests/rck/rck.py                      on SQLite, and on PostgreSQL if WEIRHOUSE_TEST_POSTGRES names a server
    tests/rck/rck.py --catalog sqlite     one of them
    tests/rck/rck.py --rules any          one of the two runs
    tests/rck/rck.py --only NAME          one class of the kit, or class#method
    tests/rck/rck.py --keep FOLDER        keep reports and logs there

As it is served (rules: policy): some tests of the kit put tables outside the warehouse, or commit data files that nobody wrote. The design
refuses that; tests/rck/excluded.json names these tests under "policy" with the reason, and they must fail with the very code that it begins
with. With rules "any", a bug that is planted (WEIRHOUSE_PLANT=any_location, in the library of wh_planted) lets such places pass, and every test must pass, so that no
mistake in the protocol hides behind an exclusion. A test that can pass on no server of this kind is named under "always". One that is named
and passes is an error too: the list stays true.
"""
import argparse
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import uuid
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from project import PLANTED_WH, ROOT, Project, environment

PACKAGE = "org.apache.iceberg.rest"
# MoreNames.java: tests that the kit leaves out of its own accord, and that pass here.
MORE = ["testDropNamespaceWithNestedNamespace", "testListNestedNamespaces", "testNamespaceWithSlash", "testTableNameWithSlash"]
TESTS = 157  # of the kit's version that tools/fetch-jars names; fewer means that it ended early
JARS = ROOT / ".deps/java/rck"
PROJECT_FILE = """name: rck_warehouse
version: 1
clock: wall
profiles:
  local: {{ warehouse: ./.weirhouse/lake, catalog: {catalog}, log: embedded, online: embedded }}
"""
# What the kit itself names below /tmp, whatever it is told.
KITS_FOLDERS = [pathlib.Path("/tmp") / name for name in ("ns", "newdb", "other_ns")]


def new_project(folder, catalog):
    """An empty project whose name is the warehouse that the kit asks for."""
    folder.mkdir()
    (folder / "weirhouse.yaml").write_text(PROJECT_FILE.format(catalog=catalog))
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout).get("token")
    return project


def compile_more(folder):
    """The class path with MoreNames in front."""
    subprocess.run(["javac", "-nowarn", "-cp", f"{JARS}/*", "-d", str(folder), str(HERE / "MoreNames.java")], check=True)
    return f"{folder}:{JARS}/*"


def run_kit(project, rules, only, classes, reports, log):
    selections = [[part for name in MORE for part in ("--select-method", f"{PACKAGE}.MoreNames#{name}")],
                  ["--select-class", f"{PACKAGE}.RESTCompatibilityKitSuite"]]
    if only:
        selections = [["--select-method" if "#" in only else "--select-class", f"{PACKAGE}.{only}"]]
    planted = {"env": {"WEIRHOUSE_PLANT": "any_location"}, "wh": PLANTED_WH} if rules == "any" else {}
    with project.serve("--no-watch", **planted) as daemon:
        uri = f"http://127.0.0.1:{daemon.port}/iceberg"
        settings = {"rck.local": "false", "rck.uri": uri, "uri": uri, "token": project.token, "rck.token": project.token,
                    "warehouse": "rck_warehouse", "rck.warehouse": "rck_warehouse", "rck.requires-namespace-create": "true",
                    "rck.supports-serverside-retry": "true",
                    # We say /a/b where file:/a/b was asked for: the same place, in the one spelling that all engines read.
                    "rck.overrides-requested-location": "true"}
        for number, select in enumerate(selections):
            command = ["java", *(f"-D{key}={value}" for key, value in settings.items()), "-cp", classes,
                       "org.junit.platform.console.ConsoleLauncher", "execute", *select, "--reports-dir", str(reports / str(number)),
                       "--disable-banner", "--details=tree"]
            subprocess.run(command, cwd=project.folder, env=environment(), stdout=log, stderr=subprocess.STDOUT, timeout=1800,
                           check=False)  # the reports tell


def read_reports(reports):
    """Test → (passed | failed | skipped, message)."""
    results = {}
    for report in sorted(reports.glob("*/*.xml")):
        for case in xml.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname').split('.')[-1]}.{case.get('name').removesuffix('()')}"
            state, message = "passed", ""
            for kind in ("failure", "error", "skipped"):
                found = case.find(kind)
                if found is not None:
                    state = "skipped" if kind == "skipped" else "failed"
                    message = (found.get("message") or found.text or "").strip()
            results[name] = (state, message)
    for name in MORE:
        if f"MoreNames.{name}" in results:
            results[f"RESTCompatibilityKitCatalogTests.{name}"] = results.pop(f"MoreNames.{name}")
    return results


def judge(results, excluded, whole):
    """What is wrong with the results."""
    problems = []
    for name, (state, message) in sorted(results.items()):
        first = message.splitlines()[0][:300] if message else state
        reason = excluded.get(name)
        if state == "failed" and reason is None:
            problems.append(f"{name}: {first}")
        elif state == "failed" and reason.startswith("WH") and reason.split(":")[0] not in message:
            problems.append(f"{name}: fails otherwise than excluded.json says ({reason}): {first}")
        elif state != "failed" and reason is not None:
            problems.append(f"{name}: {state}, yet excluded.json names it: {reason}")
    if whole:
        problems += [f"{name}: is named in excluded.json and did not run" for name in sorted(set(excluded) - set(results))]
        if len(results) < TESTS:
            problems.append(f"{len(results)} tests ran, the kit has {TESTS}: see its log (--keep FOLDER)")
    return problems or ([] if results else ["no test ran: see the kit's log (--keep FOLDER)"])


def run_on(catalog, rules, only, classes, keep, scratch):
    """One run of the kit; true if all is as it should be."""
    server = os.environ.get("WEIRHOUSE_TEST_POSTGRES")
    schema = f"rck_{uuid.uuid4().hex}"
    setting = "sqlite" if catalog == "sqlite" else f"{{ postgres: '{server}?schema={schema}' }}"
    name = f"{catalog}-{rules}"
    reports = keep / f"reports-{name}"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    new_folders = [folder for folder in KITS_FOLDERS if not folder.exists()]
    try:
        project = new_project(scratch / name, setting)
        with open(keep / f"{name}.log", "wb") as log:
            run_kit(project, rules, only, classes, reports, log)
        shutil.copy(project.folder / "serve.log", keep / f"{name}.serve.log")
        verify = project.wh("verify", code=None)
    finally:
        for folder in new_folders:
            shutil.rmtree(folder, ignore_errors=True)
        if catalog == "postgres":
            subprocess.run(["psql", "-X", "-q", "-c", "set client_min_messages to warning",
                            "-c", f"drop schema if exists {schema} cascade", server], check=True)
    results = read_reports(reports)
    lists = json.loads((HERE / "excluded.json").read_text())
    excluded = {**lists["always"], **(lists["policy"] if rules == "policy" else {})}
    problems = judge(results, excluded, whole=not only)
    if rules == "policy" and verify.returncode != 0:
        problems.append(f"wh verify ended with {verify.returncode}: {verify.stdout[-1000:]}{verify.stderr[-1000:]}")
    counts = {wanted: sum(state == wanted for state, _ in results.values()) for wanted in ("passed", "failed", "skipped")}
    named = sum(name in excluded and state == "failed" for name, (state, _) in results.items())
    print(f"rck on {catalog}, {'as served' if rules == 'policy' else 'any location let pass'}: {len(results)} tests, "
          f"{counts['passed']} passed, {counts['failed']} failed ({named} of them as excluded.json says), "
          f"{counts['skipped']} not applicable by the kit's own assumptions", flush=True)
    for problem in problems:
        print(f"  {problem}", flush=True)
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", choices=["sqlite", "postgres"])
    parser.add_argument("--rules", choices=["policy", "any"])
    parser.add_argument("--only")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for logs and reports")
    arguments = parser.parse_args()
    postgres = os.environ.get("WEIRHOUSE_TEST_POSTGRES")
    if arguments.catalog == "postgres" and not postgres:
        parser.error("WEIRHOUSE_TEST_POSTGRES names no server: call tools/rck, which starts one")
    catalogs = [arguments.catalog] if arguments.catalog else ["sqlite"] + (["postgres"] if postgres else [])
    good = True
    # The kit's own folders below /tmp are the machine's: one run at a time, whoever starts it.
    fcntl.flock(os.open("/tmp", os.O_RDONLY), fcntl.LOCK_EX)
    with tempfile.TemporaryDirectory(prefix="rck-") as folder:
        scratch = pathlib.Path(folder)
        keep = (arguments.keep or scratch).resolve()
        classes = compile_more(scratch / "classes")
        for catalog in catalogs:
            for rules in [arguments.rules] if arguments.rules else ["policy", "any"]:
                good = run_on(catalog, rules, arguments.only, classes, keep, scratch) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
