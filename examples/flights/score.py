"""Scores requests; run by the model's supervised child. The daemon sees Arrow in, Arrow out."""
import joblib
import pyarrow


def load(path):
    """path: the folder of the model's artifacts."""
    return joblib.load(f"{path}/model.joblib")


def predict(model, table):
    """table: feature columns in training order; one row out per row in."""
    return pyarrow.table({"score": model.predict_proba(table.to_pandas())[:, 1]})
