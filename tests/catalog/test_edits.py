"""A short run of edits.py: one edit of 23."""
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import edits  # noqa: E402


def test_verify_sees_single_edits_of_the_catalog(tmp_path):
    campaign = edits.run(tmp_path, share=23, flips=2)
    assert campaign.unseen == []
    assert sum(campaign.done.values()) > 15
