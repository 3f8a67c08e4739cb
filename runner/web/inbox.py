"""
Questions that runs ask: which stand (the Inbox), and answers given by hand.

    inbox(answers) ──► [{workflow, run, action, description, since, until, fields}, …], the oldest run's first
    answer(answers, run, action, {"approved": "true"}) ──► on disk ──► {run, action, answered}

    GET /inbox ?limit=            POST /runs/{run}/answer  {action, inputs, by}      of the control socket

`runner.web.control` has the other routes; the command line answers by `answer` where no daemon runs. The API answers by
`answer_values`, the page of the Inbox by `answer_form`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runner.definitions.input_texts import meant, parse_inputs
from runner.engine.answers import Answers
from runner.engine.callbacks import question_document
from runner.errors import UsageError
from runner.web.json_lines import json_lines

MOST_LISTED: Final = 200


class AnswerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer as a command sends it: texts by field."""

    action: str
    inputs: dict[str, str] = {}
    by: str = ""


async def inbox(answers: Answers, most: int = MOST_LISTED, after: tuple[str, str] = ("", "")) -> list[dict[str, Any]]:
    """What runs wait for an answer to, behind the run and place `after`. Raises StoreError."""
    return [question_document(question) for question in await answers.waiting(most, after)]


async def asked_at(answers: Answers, run: str, action: str) -> dict[str, Any]:
    """What one run waits for at one action. Raises RefusedError as `runner.engine.answers`, StoreError."""
    return question_document(await answers.named(run, action))


async def answer(answers: Answers, run: str, action: str, texts: Mapping[str, str], by: str) -> dict[str, Any]:
    """
    Answer by hand. `run` is an id or a prefix of it, `action` an id or a place; texts are spelled by the fields' types.

    Raises RefusedError as `runner.engine.answers`, StoreError.
    """
    question = await answers.named(run, action)
    given = parse_inputs(question.fields, texts, what=question.asked.place)
    await answers.give(question.asked, given, by)
    return {"run": question.asked.run, "action": question.asked.place, "answered": True}


async def answer_values(answers: Answers, run: str, action: str, values: Any, by: str) -> dict[str, Any]:
    """The same with values as JSON has them. Raises as `answer`."""
    question = await answers.named(run, action)
    await answers.give(question.asked, values, by)
    return {"run": question.asked.run, "action": question.asked.place, "answered": True}


async def answer_form(answers: Answers, run: str, action: str, sent: Mapping[str, str], by: str) -> dict[str, Any]:
    """
    The same with the texts of a form: an empty one is left out where it can be nothing, so that its default counts.

    Raises as `answer`.
    """
    fields = (await answers.named(run, action)).fields
    return await answer(answers, run, action, meant(fields, sent), by)


def inbox_routes(answers: Answers) -> list[Route]:
    """The two routes."""

    async def waiting(request: Request) -> Response:
        limit = request.query_params.get("limit", str(MOST_LISTED))
        if limit not in map(str, range(1, MOST_LISTED + 1)):
            raise UsageError(f"limit: expected a number from 1 to {MOST_LISTED}")
        return json_lines(await inbox(answers, int(limit)))

    async def answered(request: Request) -> Response:
        wanted = msgspec.json.decode(await request.body(), type=AnswerRequest)
        return json_lines([await answer(answers, request.path_params["run"], wanted.action, wanted.inputs, wanted.by)])

    return [Route("/inbox", waiting), Route("/runs/{run}/answer", answered, methods=["POST"])]
