"""A rehearsal that goes another way than its test expects: each difference is told by its action."""

from pathlib import Path

import pytest

from runner.definitions.load import load_text
from runner.errors import RunnerError
from runner.executors import action_types
from runner.rehearsal.compare import differences
from runner.rehearsal.files import read_cases
from runner.rehearsal.stage import rehearse
from tests.integration.rehearsal.flow import FLOW, GOOD


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("{name: a, trigger: {body: {x: 1}}, last: {output: b}, answers: {" + GOOD + "}, expect: {output: {n: 6}}}", ["run: output.n: expected 6, found 5"]),
        ("{name: a, answers: {}, expect: {state: failed}}", ["ask: the test has no answer for attempt 1", "tell: the test has no answer for attempt 1"]),
        (
            "{name: a, answers: {ask: {error: {type: status, message: gone, temporary: false}}, tell: {value: null}}, expect: {state: failed, error: gone, actions: {tell: {sent: {method: GET, url: '[secret HOOK]', body: gone}}}}}",
            ['action tell: sent.method: expected "GET", found "POST"'],
        ),
        ("{name: a, answers: {ask: {value: {body: 1}}}, expect: {actions: {approve: {state: succeeded}}}}", ['action approve: state: expected "succeeded", found "failed"']),
        ("{name: a, inputs: {n: x}, answers: {}}", ["flow: input 'n'"]),
        ("{name: a, now: yesterday, answers: {}}", ["a: now: expected a time"]),
        ("{name: a, trigger: {body: {x: 1}}, last: {output: b}, answers: {" + GOOD + "}, expect: {exact: true}}", ["action ask: expected nothing of it, and it succeeded"]),
        ("{name: a, answers: {ask: {}}}", ["exactly one of"]),
        ("{name: a, nosuch: 1}", ["nosuch"]),
    ],
)  # fmt: skip
async def test_what_differs_is_told_by_its_action(tmp_path: Path, test: str, told: list[str]) -> None:
    """Each difference is a line; an approval that nobody gives is over in its time, at once."""
    lines = await differing(tmp_path, test)

    for each in told:
        assert any(each in line for line in lines), lines


async def differing(folder: Path, test: str) -> list[str]:
    """What is told of one test of FLOW."""
    file = folder / "flow.test.yaml"
    file.write_text(f"tests:\n  - {test}\n")
    workflow = load_text(FLOW.encode(), "flow.yaml", action_types()).workflow
    try:
        (case,) = read_cases(file).tests
        return differences(case.expect, await rehearse(workflow, case, action_types(), ("*_URL",)))
    except RunnerError as error:
        return [str(error)]
