#!/usr/bin/env python3
"""launch.py DESCRIPTOR COMMAND…: runs it, and writes what it used to the open descriptor, as JSON. Exits as it did.

The system counts a child's peak memory from that of the process that started it, so a benchmark that holds
data starts what it measures through this, which holds nothing.
"""
import json
import os
import subprocess
import sys
import time

with os.fdopen(int(sys.argv[1]), "w") as told:
    begin = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    json.dump({"wall_s": time.perf_counter() - begin, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}, told)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
