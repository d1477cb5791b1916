"""One row of the catalog is changed, removed, forged or put under another commit: `verify --deep` must say so.

The edits are those of tests/catalog/edits.py, each column twice with other values, over a catalog that other engines
wrote to as well.
"""
import json
import pathlib
import random
import uuid

import edits
from reader import ask
from fault_world import HERE  # noqa: F401  (puts the folders of the tests on the path)

SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "type": "long", "required": True}]}


class World:
    def __init__(self, base, quick=False):
        folder = pathlib.Path(base) / "lab"
        folder.mkdir()
        project = edits.make_world(folder)
        token = json.loads(project.wh("token", "new", "--json").stdout)["token"]
        with project.serve("--no-watch") as daemon:
            for path, body in (("/v1/namespaces", {"namespace": ["box"], "properties": {"owner": "ann"}}),
                               ("/v1/namespaces/box/tables", {"name": "t", "schema": SCHEMA}),
                               ("/v1/namespaces/box/tables", {"name": "u", "schema": SCHEMA})):
                status, answer = ask(daemon.port, "POST", "/iceberg" + path, token, body,
                                     {"Idempotency-Key": "017f22e2-79b0-7cc3-98c4-" + uuid.uuid4().hex[:12]})
                if status != 200:
                    raise AssertionError(f"{path}: {status} {answer}")
        project.wh("verify", "--deep")
        self.campaign = edits.Campaign(project)
        self.edits = {}
        for kind, what, tries in edits.edits_of(self.campaign.path):
            self.edits[f"{kind} {what}"] = kind, what, tries
            if kind == "edit" and len(tries) > 1:
                self.edits[f"{kind} {what} otherwise"] = kind, what, tries[1:]


def specs(count, seed, quick=False):
    return [{"pick": number, "seed": seed} for number in range(count)]


def judge(world, spec):
    names = sorted(world.edits)
    random.Random(spec["seed"]).shuffle(names)
    if spec["pick"] >= len(names):
        return "edit: there are no more", []
    kind, what, tries = world.edits[names[spec["pick"]]]
    campaign = world.campaign
    campaign.unseen.clear()
    campaign.allowed.clear()
    if not any(campaign.change(kind, what, sql, parameters) for sql, parameters in tries):
        return f"edit: {kind}: refused by the database", []
    if campaign.allowed:
        return f"edit: {kind}: decides nothing", []
    return f"edit: {kind}: told", list(campaign.unseen)
