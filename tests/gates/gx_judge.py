"""Great Expectations as a judge of the checks that it has.

Where it means something else by a check the difference is counted under a name, not as a fault of either.
"""
import logging
import math
import warnings

import great_expectations
import great_expectations.expectations as gxe
import pandas

import exact
import model

PLAIN = {"mean": gxe.ExpectColumnMeanToBeBetween, "sum": gxe.ExpectColumnSumToBeBetween,
         "min": gxe.ExpectColumnMinToBeBetween, "max": gxe.ExpectColumnMaxToBeBetween,
         "median": gxe.ExpectColumnMedianToBeBetween, "stddev": gxe.ExpectColumnStdevToBeBetween,
         "range": gxe.ExpectColumnValuesToBeBetween, "length": gxe.ExpectColumnValueLengthsToBeBetween,
         "row_count": gxe.ExpectTableRowCountToBeBetween}


def bounds(check):
    found = {}
    for key in ("min", "max"):
        if key in check:
            found[f"{key}_value"] = float(check[key])
        elif f"{key}_exclusive" in check:
            found[f"{key}_value"] = float(check[f"{key}_exclusive"])
            found[f"strict_{key}"] = True
    return found


class GreatExpectations:
    """One data frame for each batch; its expectations are validated together."""

    def __init__(self):
        warnings.filterwarnings("ignore")
        logging.disable(logging.WARNING)
        self.context = great_expectations.get_context(mode="ephemeral")
        self.context.variables.progress_bars = great_expectations.data_context.types.base.ProgressBarsConfig(
            globally=False)
        source = self.context.data_sources.add_pandas("rows")
        self.definition = source.add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
        self.of = None
        self.batch = None

    def expectation(self, check):
        kind = check["kind"]
        if "sigmas" in check or check.get("max_bad", "0") != "0" or check.get("allow_nan"):
            return None
        if kind == "row_count":
            whole = {key: int(value) if not isinstance(value, bool) else value for key, value in bounds(check).items()}
            for key in ("min", "max"):
                if whole.pop(f"strict_{key}", False):
                    whole[f"{key}_value"] += 1 if key == "min" else -1
            return PLAIN[kind](**whole)
        if kind in PLAIN:
            return PLAIN[kind](column=check["column"], **bounds(check))
        if kind == "pattern":
            regex = check["regex"] if check["match"] == "search" else f"^(?:{check['regex']})\\Z"
            return gxe.ExpectColumnValuesToMatchRegex(column=check["column"], regex=regex)
        if kind in ("accepted", "rejected"):
            make = gxe.ExpectColumnValuesToBeInSet if kind == "accepted" else gxe.ExpectColumnValuesToNotBeInSet
            values = check["values"] if check["column"] == "t" else [float(value) for value in check["values"]]
            return make(column=check["column"], value_set=values)
        if kind == "required" and len(check["columns"]) == 1:
            return gxe.ExpectColumnValuesToNotBeNull(column=check["columns"][0])
        if kind == "unique" and len(check["columns"]) == 1 and check.get("nulls") != "equal":
            return gxe.ExpectColumnValuesToBeUnique(column=check["columns"][0])
        if kind == "distinct" and len(check["columns"]) == 1 and not any("exclusive" in key for key in check):
            return gxe.ExpectColumnUniqueValueCountToBeBetween(
                column=check["columns"][0], **{key: int(value) for key, value in bounds(check).items()})
        return None

    def explained(self, check, batch):
        """Where GX and we mean different things."""
        column = check.get("column") or check.get("columns", [None])[0]
        if column is None:
            return None
        values = batch.column(column)
        numbers = exact.numbers_of(values)
        if any(exact.is_nan(value) for value in values):
            return "GX: NaN is null to pandas"
        if any(exact.is_inf(value) for value in values):
            return "GX: sums with infinities"
        if not numbers or (check["kind"] == "stddev" and len(numbers) < 2):
            return "GX: a column without values passes, or is an error"
        if column in ("a", "d", "x") and any(abs(exact.to_double(value)) >= 2**53 for value in numbers):
            return "GX: doubles beyond 2^53"
        if column in ("a", "d", "x") and any(0 < abs(exact.to_double(value)) < 1e-300 for value in numbers):
            return "GX: doubles that vanish"
        return None

    def frame(self, batch):
        if self.of is not batch:
            columns = {}
            for name in ("a", "x", "d", "t"):
                values = batch.column(name)
                columns[name] = (pandas.Series(values, dtype=object) if name == "t" else pandas.Series(
                    [math.nan if value is None else exact.to_double(value) for value in values], dtype=float))
            self.of = batch
            self.batch = self.definition.get_batch({"dataframe": pandas.DataFrame(columns)})
        return self.batch

    def __call__(self, tally, check, batch, history, shown, what):
        expectation = self.expectation(check)
        if expectation is None:
            return
        why = self.explained(check, batch)
        result = self.frame(batch).validate(expectation)
        tally.with_judges += 1
        ours = shown["state"] in ("passed",)
        if bool(result.success) == ours:
            return
        exact = check["column"] if "column" in check else None
        if why is None and exact in ("x", "d") and check["kind"] in ("mean", "sum", "median", "stddev"):
            theirs = result.result.get("observed_value")
            if theirs is not None and any(model.near(float(theirs), float(value), 1e-12)
                                          for key, value in bounds(check).items() if key.endswith("value")):
                why = "GX: sums that round on the way to their bound"
        if why:
            tally.explain(why)
        else:
            tally.unexplained.append(f"{what}: {shown['state']}, GX success {result.success} {result.result}")
