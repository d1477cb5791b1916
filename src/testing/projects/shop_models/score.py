import json, pyarrow
def load(path):
    with open(f"{path}/model.json") as file:
        return json.load(file)
def predict(model, table):
    assert table.column_names == model["features"], table.column_names
    amounts = table.column("order_request.amount").to_pylist()
    return pyarrow.table({"score": pyarrow.array([float(a > model["cut"]) for a in amounts])})
