"""Feature columns as training and scoring hand them out: of one type, whatever values they hold.

pandas makes an integer column float64 where a value is missing, and a boolean one an object: so a
training set would have other dtypes than the one row that is scored. The tables say of themselves
which dtype each column is (the metadata that pyarrow reads in `Table.to_pandas`): integers are
Int64, booleans boolean, missing values pd.NA. What these hold is what the Arrow columns hold.
"""

import json

import pyarrow

_DTYPES = {"int64": "Int64", "int32": "Int32", "bool": "boolean"}


def with_dtypes(table, names=None):
    """`table` with plain columns whose pandas dtypes do not depend on their values.

    `names`: the columns that get one; all, unless given.
    """
    fields = [pyarrow.field(field.name, field.type) for field in table.schema]
    columns = []
    for field in fields:
        dtype = _DTYPES.get(str(field.type))
        if dtype is None or (names is not None and field.name not in names):
            continue
        columns.append(
            {
                "name": field.name,
                "field_name": field.name,
                "pandas_type": str(field.type),
                "numpy_type": dtype,
                "metadata": None,
            }
        )
    described = {
        "index_columns": [],
        "column_indexes": [],
        "columns": columns,
        "creator": {"library": "weirhouse", "version": "1"},
    }
    metadata = {b"pandas": json.dumps(described).encode()}
    return pyarrow.Table.from_arrays(
        table.columns, schema=pyarrow.schema(fields, metadata=metadata)
    )
