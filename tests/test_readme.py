"""The webhooks of the README load as they stand there, and say what published signatures were checked with."""

import re
from pathlib import Path

from runner.definitions.load import load_text
from runner.executors import action_types
from tests.unit.triggers.test_signature import GITHUB, SLACK, STRIPE

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_github_stripe_and_slack_are_checked_as_the_readme_says() -> None:
    """The block loads without an error; header, prefix and what is signed are those of the tests over known signatures."""
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (text,) = [block for block in blocks if "X-Hub-Signature-256" in block]
    loaded = load_text(text.encode(), "hooks.yaml", action_types())
    written = [trigger.config["auth"]["hmac"] for trigger in loaded.workflow.triggers]

    assert loaded.problems == ()
    for given, known in zip(written, (GITHUB, STRIPE, SLACK), strict=True):
        for key in ("header", "prefix", "signed", "timestamp_header"):
            assert given.get(key, {"signed": "{body}"}.get(key)) == getattr(known, key), key
