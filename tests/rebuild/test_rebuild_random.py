"""A table is what its full rebuild would be, and what the records say: random projects against a model."""
import os

import rebuild_trial

PROJECTS = int(os.environ.get("WEIRHOUSE_REBUILD_PROJECTS", "120"))
SEED = int(os.environ.get("WEIRHOUSE_REBUILD_SEED", "1"))


def test_random_projects_hold_what_a_model_and_a_full_rebuild_say(capsys):
    with capsys.disabled():
        print(f"\nseed {SEED}, {PROJECTS} projects: tests/rebuild/rebuild_trial.py --seed {SEED} --projects {PROJECTS}")
        failures = rebuild_trial.run(PROJECTS, SEED, jobs=2)
    assert not failures, "\n".join(f"seed {seed}: {reason[:500]}" for seed, reason, _ in failures)
