"""What keeps two runs of the tests on one machine apart."""
import json
import os
import pathlib
import pwd
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
# Both begin to look at the same port, and live until they are told to end.
ASK = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
os.getpid = lambda: 7
import project
print(json.dumps([project.free_port() for _ in range(20)]), flush=True)
sys.stdin.read()
"""


def test_no_two_processes_are_given_the_same_port():
    asked = [subprocess.Popen([sys.executable, "-c", ASK, str(TESTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
             for _ in range(3)]
    try:
        given = [port for process in asked for port in json.loads(process.stdout.readline())]
    finally:
        for process in asked:
            process.communicate()
    assert len(given) == 60 and len(set(given)) == 60, sorted(given)


def test_the_home_is_nobodys():
    home = pathlib.Path(os.environ["HOME"])
    assert home.is_dir() and home != pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir)
    config = subprocess.run(["git", "config", "--global", "--list"], capture_output=True, text=True, env=os.environ)
    assert config.stdout == "", config.stdout
