"""Iceberg's REST compatibility kit against `wh serve`.

    tests/rck/rck.py                      on SQLite, and on PostgreSQL if WEIRHOUSE_TEST_POSTGRES names a server
    tests/rck/rck.py --catalog sqlite     one of them
    tests/rck/rck.py --only NAME          one class of the kit, or class#method

Every test of the kit must pass, but those that tests/rck/excluded.json names with a reason; one that is named there
and passes fails too, so that the list stays true.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from project import ROOT, Project, environment

SUITE = "org.apache.iceberg.rest.RESTCompatibilityKitSuite"
JARS = ROOT / ".deps/java/rck"
PROJECT_FILE = "name: rck_warehouse\nversion: 1\nclock: wall\nprofiles:\n  local: {{ warehouse: ./.weirhouse/lake, catalog: {catalog}, log: embedded, online: embedded }}\n"


def new_project(folder, catalog):
    """An empty project whose name is the warehouse that the kit asks for."""
    folder.mkdir()
    (folder / "weirhouse.yaml").write_text(PROJECT_FILE.format(catalog=catalog))
    project = Project(folder)
    project.token = json.loads(project.wh("init", "--json").stdout).get("token")
    return project


def run_kit(project, only, reports, log):
    select = ["--select-class", SUITE]
    if only:
        select = ["--select-method" if "#" in only else "--select-class", f"org.apache.iceberg.rest.{only}"]
    with project.serve("--no-watch") as daemon:
        uri = f"http://127.0.0.1:{daemon.port}/iceberg"
        settings = {"rck.local": "false", "rck.uri": uri, "uri": uri, "token": project.token, "rck.token": project.token,
                    "warehouse": "rck_warehouse", "rck.warehouse": "rck_warehouse", "rck.requires-namespace-create": "true",
                    "rck.supports-serverside-retry": "true"}
        command = ["java", *(f"-D{key}={value}" for key, value in settings.items()), "-cp", f"{JARS}/*",
                   "org.junit.platform.console.ConsoleLauncher", "execute", *select, "--reports-dir", str(reports),
                   "--disable-banner", "--details=tree"]
        return subprocess.run(command, cwd=project.folder, env=environment(), stdout=log, stderr=subprocess.STDOUT,
                              timeout=1800, check=False).returncode


def read_reports(reports):
    """Test → (passed | failed | skipped, message)."""
    results = {}
    for report in sorted(reports.glob("*.xml")):
        for case in xml.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname').split('.')[-1]}.{case.get('name').removesuffix('()')}"
            state, message = "passed", ""
            for kind in ("failure", "error", "skipped"):
                found = case.find(kind)
                if found is not None:
                    state = "skipped" if kind == "skipped" else "failed"
                    message = (found.get("message") or found.text or "").strip()
            results[name] = (state, message)
    return results


def judge(catalog, results, excluded):
    problems = []
    for name, (state, message) in sorted(results.items()):
        if state == "failed" and name not in excluded:
            problems.append(f"{name}: {message.splitlines()[0][:300] if message else 'failed'}")
        if state == "passed" and name in excluded:
            problems.append(f"{name}: passes, yet excluded.json names it: {excluded[name]}")
    counts = {wanted: sum(state == wanted for state, _ in results.values()) for wanted in ("passed", "failed", "skipped")}
    named = sum(name in excluded and state == "failed" for name, (state, _) in results.items())
    print(f"rck on {catalog}: {len(results)} tests, {counts['passed']} passed, {counts['failed']} failed "
          f"({named} of them excluded by design), {counts['skipped']} not applicable by the kit's own assumptions")
    for problem in problems:
        print(f"  {problem}")
    return bool(results) and not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", choices=["sqlite", "postgres"])
    parser.add_argument("--only")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for logs and reports")
    arguments = parser.parse_args()
    postgres = os.environ.get("WEIRHOUSE_TEST_POSTGRES")
    catalogs = [arguments.catalog] if arguments.catalog else ["sqlite"] + (["postgres"] if postgres else [])
    excluded = json.loads((HERE / "excluded.json").read_text())
    good = True
    with tempfile.TemporaryDirectory(prefix="rck-") as scratch:
        keep = arguments.keep or pathlib.Path(scratch)
        for catalog in catalogs:
            setting = "sqlite" if catalog == "sqlite" else f"{{ postgres: '{postgres}' }}"
            project = new_project(pathlib.Path(scratch) / catalog, setting)
            reports = keep / f"reports-{catalog}"
            reports.mkdir(parents=True, exist_ok=True)
            with open(keep / f"{catalog}.log", "wb") as log:
                run_kit(project, arguments.only, reports, log)
            results = read_reports(reports)
            good = judge(catalog, results, {} if arguments.only else excluded) and good
            if not results:
                print((keep / f"{catalog}.log").read_text()[-3000:])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
