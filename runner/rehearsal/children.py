"""
Runs that `workflow` actions start in a rehearsal: none is carried out, the case says what each gives.

    Submission of a child ──RehearsedAdmissions──► a workflow of one action whose answer is the parent's reply

Of the rehearsed run itself only its id is fixed, so that what is computed from it is the same each time.
"""

from typing import Any, Final

import msgspec

from runner.definitions.model import Action, Body, Input, Workflow
from runner.engine.admission import AcceptedRun, Admissions, Submission
from runner.engine.services import Services
from runner.expressions.labels import Labelled, mask
from runner.ports import ActionType, ExecutorLimits
from runner.rehearsal.standins import Answers, StandInSecrets

RUN: Final = "0000000000rehearsal0000000"
"""The id of a rehearsed run."""

_KINDS: Final = (
    (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"),
)  # fmt: skip


class RehearsedAdmissions(Admissions):
    """Accepts the rehearsed run, and its children as what the case says of them."""

    def __init__(
        self,
        services: Services,
        workflow: Workflow,
        answers: Answers,
        secrets: StandInSecrets,
        sent: dict[str, Any],
    ) -> None:
        super().__init__(services, lambda name: workflow if name == workflow.name else None)
        self._answers = answers
        self._secrets = secrets
        self._sent = sent

    def fresh_id(self) -> str:
        """The same each time."""
        return RUN

    async def admit(self, submission: Submission, *, start: bool) -> AcceptedRun:
        """As the engine does; of a child only what was sent to it is looked at."""
        parent = submission.parent
        if parent is not None:
            inputs = submission.inputs
            self._sent[parent.place] = {"name": submission.workflow, "inputs": mask(inputs)}
            given = {name: value for name, value in inputs.value.items() if value is not None}
            self._answers.called(self.child_id(submission), parent.place)
            submission = Submission(
                workflow=submission.workflow,
                definition=_stand_in(submission.workflow, given),
                inputs=Labelled(given, inputs.labels),
                kind=submission.kind,
                parent=parent,
                child_key=submission.child_key,
            )
        return await super().admit(submission, start=start)


def _stand_in(name: str, given: dict[str, Any]) -> Workflow:
    inputs = {each: Input(type=_kind(value)) for each, value in given.items()}
    answer = Action(id="answer", type=ANSWER.name, config={})
    return Workflow(name=name, inputs=inputs, body=Body(actions=(answer,), output="$action.answer"))


def _kind(value: Any) -> Any:
    return next(word for kind, word in _KINDS if isinstance(value, kind))


class _Nothing(msgspec.Struct, frozen=True):
    """What an answer is computed from."""


def _never(limits: ExecutorLimits) -> Any:
    raise AssertionError(f"stand-ins are not opened, so nobody asks for {limits}")


ANSWER: Final = ActionType(name="rehearsed-answer", config=_Nothing, check=lambda config: (), open=_never)  # noqa: ARG005  a protocol's word
"""The type of the one action of a child's stand-in."""
