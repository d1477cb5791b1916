import json, weirhouse as wh
job = wh.current_job()
assert not job.params["fail"], "told to fail"
test = job.training_set.split("test")
amounts = test.features.to_arrow().column("order_request.amount").to_pylist()
right = [(a > job.params["cut"]) == y for a, y in zip(amounts, test.label.to_pylist())]
job.metric("accuracy", sum(right) / len(right))
with open(job.path("model.json"), "w") as file:
    json.dump({"cut": job.params["cut"], "features": job.training_set.feature_names}, file)
