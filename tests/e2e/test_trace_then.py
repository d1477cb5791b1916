"""A prediction is traced by the tables as they were, whatever became of them since."""
import datetime
import json

import pytest

from project import PROJECTS, Project

DAYS = 18


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A deployed model over a table with history, and a prediction."""
    import shutil
    project = Project.copy("shop", tmp_path_factory.mktemp("then") / "shop")
    shutil.copytree(PROJECTS / "shop_models", project.folder, dirs_exist_ok=True)
    project.write("seeds/shops.csv", "shop,city\na,A\nb,B\n")
    project.wh("init")
    project.apply()
    for day in range(DAYS):
        date = datetime.date(2024, 5, 1) + datetime.timedelta(day)
        orders = [{"id": f"o{(day * 7 + i) % 90}", "shop": "ab"[i % 2], "amount": (day * 13 + i * 5) % 90,
                   "at": f"{date}T{i + 1:02}:00:00Z", "reported_at": f"{date}T{i + 1:02}:30:00Z"} for i in range(12)]
        project.land("order", f"{date}.jsonl", "".join(json.dumps(order) + "\n" for order in orders).encode())
        project.wh("ingest")
    project.wh("train-set", "build", "big_v1")
    project.wh("model", "train", "big")
    project.wh("model", "deploy", "big#1")
    at = "2024-05-04T17:00:00Z"
    said = json.dumps(project.json("predict", "big", "shop=a", f"at={at}", "amount=60", "--at", at))
    project.prediction = next(word for word in said.split('"') if word.startswith("p-"))
    project.told = project.wh("trace", project.prediction).stdout
    return project


def test_after_a_compaction(shop):
    shop.wh("table", "compact", "processed.order_history")
    assert shop.wh("trace", shop.prediction).stdout == shop.told


def test_after_the_table_has_another_column(shop):
    sql = (shop.folder / "processed/order.sql").read_text()
    shop.write("processed/order.sql", sql.replace("s.city,", "s.city, r.amount * 2 AS twice,"))
    shop.apply()
    shop.wh("trace", shop.prediction)
    assert shop.json("verify", "--deep")["problems"] == []
