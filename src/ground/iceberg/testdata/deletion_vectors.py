"""Prints deletion vectors as format version 3 stores them: a JSON array of {positions, hex}."""
import json
import struct
import sys
import zlib

from pyroaring import BitMap


def vector(positions, run_optimize):
    bitmaps = {}
    for position in positions:
        bitmaps.setdefault(position >> 32, BitMap()).add(position & 0xFFFFFFFF)
    body = bytes.fromhex("d1d33964") + struct.pack("<Q", len(bitmaps))
    for key, bitmap in sorted(bitmaps.items()):
        if run_optimize:
            bitmap.run_optimize()
        body += struct.pack("<I", key) + bitmap.serialize()
    return struct.pack(">I", len(body)) + body + struct.pack(">I", zlib.crc32(body))


cases = [
    [],
    [0],
    [3, 4, 5, 70_000, 2**32 + 7],
    list(range(10_000, 90_000)),                # runs, or full bitmaps
    list(range(0, 60_000, 3)),                  # a bitmap
    [i * 65_536 + 5 for i in range(10)],        # enough containers for offsets
    [*range(100, 200), *range(65_536, 65_600), *range(200_000, 200_010), *range(400_000, 400_900, 2)],
]
json.dump([{"positions": case, "hex": vector(case, runs).hex()}
           for case in cases for runs in (False, True)], sys.stdout)
