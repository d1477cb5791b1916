"""Trains the model; run by `wh model train late`, which hands over the training set."""
import joblib
from sklearn import ensemble, metrics

import weirhouse as wh

job = wh.current_job()    # training set, params and output folder of this run
train = job.training_set.split("train")
test = job.training_set.split("test")

model = ensemble.HistGradientBoostingClassifier(
    max_depth=job.params["max_depth"], random_state=job.params["seed"])
model.fit(train.features.to_pandas(), train.label.to_numpy())

scores = model.predict_proba(test.features.to_pandas())[:, 1]
job.metric("roc_auc", metrics.roc_auc_score(test.label.to_numpy(), scores))

joblib.dump(model, job.path("model.joblib"))    # opaque bytes to the daemon, never loaded there
