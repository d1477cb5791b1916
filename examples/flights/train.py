import joblib, weirhouse as wh
from sklearn import ensemble, metrics
job = wh.current_job()                                 # training set, params and output folder of this run
train, test = job.training_set.split("train"), job.training_set.split("test")
m = ensemble.HistGradientBoostingClassifier(max_depth=job.params["max_depth"], random_state=job.params["seed"]).fit(train.features.to_pandas(), train.label.to_numpy())
job.metric("roc_auc", metrics.roc_auc_score(test.label.to_numpy(), m.predict_proba(test.features.to_pandas())[:, 1]))
joblib.dump(m, job.path("model.joblib"))               # opaque bytes to the daemon, never loaded there
