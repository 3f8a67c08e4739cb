"""The finished line: its fields, both forms, both worlds of loggers, and what it never holds."""

import base64
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import anyio
import pytest
import structlog

from runner import log
from runner.redaction import Redactor
from runner.secret import Secret

CANARY = 'canary-"7f3a/+é-key'
FORMS = (
    CANARY,
    json.dumps(CANARY)[1:-1],
    json.dumps(CANARY, ensure_ascii=False)[1:-1],
    quote(CANARY),
    quote(CANARY, safe=""),
    base64.b64encode(CANARY.encode()).decode(),
    base64.b64encode(b"user:" + CANARY.encode()).decode(),
    base64.urlsafe_b64encode(b"u:" + CANARY.encode()).decode(),
)
TELLING = (*FORMS[:5], *(form[8:-4] for form in FORMS[5:]))


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.know("vault", {"API_KEY": [CANARY]})
    return redactor


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    levels = {name: logging.getLogger(name).level for name in log._QUIET}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestJson:
    def test_fields_stand_in_the_order_that_readers_know(self, redactor: Redactor, stream: io.StringIO) -> None:
        """ts level event logger run workflow … error, others before the last."""
        log.configure("info", "json", redactor, stream)

        with log.bound(run="01J", workflow="sync", action="fetch", attempt=2):
            log.get("runner.engine").info("action failed", error="no connection", delay=1.5, boot=3)

        assert list(lines(stream)[0]) == (
            "ts level event logger run workflow action attempt delay boot error".split()  # noqa: SIM905  as it is read
        )
        assert lines(stream)[0]["logger"] == "runner.engine"

    def test_what_is_bound_counts_for_the_tasks_that_are_started(self, redactor: Redactor, stream: io.StringIO) -> None:
        """A run's lines carry its id wherever they come from."""

        async def child() -> None:
            await anyio.lowlevel.checkpoint()
            log.get("x").info("in a task")

        async def main() -> None:
            with log.bound(run="01J"):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(child)
            log.get("x").info("after it")

        log.configure("info", "json", redactor, stream)
        anyio.run(main)

        assert [line.get("run") for line in lines(stream)] == ["01J", None]

    def test_an_exception_is_its_traceback_in_one_field(self, redactor: Redactor, stream: io.StringIO) -> None:
        """With the error's own words before it."""
        log.configure("info", "json", redactor, stream)
        try:
            int("broken")
        except ValueError:
            log.get("x").exception("it failed", error="first")

        (line,) = lines(stream)
        assert line["level"] == "error"
        assert str(line["error"]).startswith("first\nTraceback (most recent call last):")
        assert str(line["error"]).rstrip().endswith("'broken'")

    @pytest.mark.parametrize(
        "value", ["\ud800", 10**60, float("nan"), object(), {1: 2}, b"\xff", [[["deep"]]], Secret(frozenset("A"), "x")]
    )
    def test_any_value_can_be_logged(self, value: Any, redactor: Redactor, stream: io.StringIO) -> None:
        """What is no JSON is written by its repr; the line stays one JSON object."""
        log.configure("info", "json", redactor, stream)

        log.get("x").info("value", value=value)

        (line,) = lines(stream)
        assert line["event"] == "value"
        assert "value" in line

    def test_a_long_line_is_cut_after_it_was_redacted(self, redactor: Redactor, stream: io.StringIO) -> None:
        """A secret that lies across the cut does not come out halfway."""
        log.configure("info", "json", redactor, stream)

        log.get("x").info("long", a="x" * 1015 + CANARY + "y" * 100_000, nested={"b": [1]})

        (line,) = lines(stream)
        assert str(line["cut"]).isdigit()
        assert str(line["a"]).startswith("x" * 1015)
        assert "canary" not in stream.getvalue()

    def test_a_level_that_is_not_wanted_writes_nothing(self, redactor: Redactor, stream: io.StringIO) -> None:
        """info is below warning."""
        log.configure("warning", "json", redactor, stream)

        log.get("x").info("no")
        logging.getLogger("uvicorn").info("no")
        log.get("x").warning("yes")

        assert [line["event"] for line in lines(stream)] == ["yes"]


class TestConsole:
    def test_one_event_is_one_line_for_a_person(self, redactor: Redactor, stream: io.StringIO) -> None:
        """Time, level, event, then key=value; texts with spaces in quotes."""
        log.configure("info", "console", redactor, stream)

        log.get("x").warning("late", seconds=3, why="slow disk")

        assert stream.getvalue()[13:] == 'warning late logger=x seconds=3 why="slow disk"\n'

    def test_a_value_cannot_forge_a_line(self, redactor: Redactor, stream: io.StringIO) -> None:
        """Line ends and terminal escapes are shown, not obeyed; a traceback is indented."""
        log.configure("info", "console", redactor, stream)

        log.get("x").info("a\n12:00:00.000 error forged", value="b\n\x1b[2J", error="one\ntwo")

        first, *rest = stream.getvalue().splitlines()
        assert "forged" in first
        assert "\x1b" not in first
        assert rest == ["    one", "    two"]

    def test_a_secret_that_only_the_finished_line_spells_is_masked(self, stream: io.StringIO) -> None:
        """No field holds it, the line would."""
        redactor = Redactor()
        redactor.know("vault", {"A": ["user=ann password=x1"]})
        log.configure("info", "console", redactor, stream)

        log.get("x").info("login", user="ann", password="x1")

        assert stream.getvalue().endswith("logger=x [secret A]\n")

    @pytest.mark.parametrize(("is_terminal", "is_json"), [(True, False), (False, True)])
    def test_auto_is_console_on_a_terminal(
        self, is_terminal: Any, is_json: Any, redactor: Redactor, stream: io.StringIO
    ) -> None:
        """And JSON everywhere else."""
        stream = _Terminal() if is_terminal else stream
        log.configure("info", "auto", redactor, stream)

        log.get("x").info("hello")

        assert stream.getvalue().startswith("{") is is_json


class TestBridge:
    @pytest.mark.parametrize("name", ["anyio", "watchfiles.main"])
    def test_other_libraries_write_through_the_same_door(
        self, name: Any, redactor: Redactor, stream: io.StringIO
    ) -> None:
        """With the run that is bound and the logger's name."""
        log.configure("info", "json", redactor, stream)

        with log.bound(run="01J"):
            logging.getLogger(name).info("hello %s", "there")

        (line,) = lines(stream)
        assert (line["event"], line["logger"], line["run"]) == ("hello there", name, "01J")

    @pytest.mark.parametrize("name", ["httpx", "httpcore.connection", "aiosqlite", "hpack.hpack", "asyncio"])
    def test_loggers_that_say_values_are_quiet_below_warning(
        self, name: Any, redactor: Redactor, stream: io.StringIO
    ) -> None:
        """They write addresses with passwords and bound values at lower levels."""
        log.configure("debug", "json", redactor, stream)

        logging.getLogger(name).debug("select $1, ['x']")
        logging.getLogger(name).info("GET http://user:pw@host")
        logging.getLogger(name).warning("this one")

        assert [line["event"] for line in lines(stream)] == ["this one"]

    def test_a_record_that_cannot_be_formatted_shows_none_of_its_arguments(
        self, redactor: Redactor, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Logging's own way would print them to stderr, unmasked."""
        log.configure("info", "json", redactor, stream)

        for handler in [each for each in logging.getLogger().handlers if not isinstance(each, log.Bridge)]:
            logging.getLogger().removeHandler(handler)

        logging.getLogger("x").info("%d", "unmasked-argument")

        assert lines(stream)[0]["event"] == "a record that cannot be formatted"
        assert "unmasked-argument" not in stream.getvalue() + capsys.readouterr().err

    def test_a_warning_of_python_is_a_line(self, redactor: Redactor, stream: io.StringIO) -> None:
        """And not a text on stderr."""
        log.configure("info", "json", redactor, stream)

        with warnings.catch_warnings():
            warnings.simplefilter("default")
            logging.captureWarnings(capture=False)
            logging.captureWarnings(capture=True)
            warnings.warn("old way", DeprecationWarning, stacklevel=1)
            logging.captureWarnings(capture=False)

        assert "old way" in str(lines(stream)[0]["event"])

    def test_configured_twice_each_record_is_written_once(self, redactor: Redactor, stream: io.StringIO) -> None:
        """The second configuration takes the first one's place."""
        log.configure("info", "json", redactor, io.StringIO())
        log.configure("info", "json", redactor, stream)

        logging.getLogger("x").info("once")
        log.get("x").info("once")

        assert len(lines(stream)) == 2


class TestNoLeak:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("output", ["json", "console"])
    def test_no_form_of_a_secret_is_written(
        self, form: Any, output: Any, redactor: Redactor, stream: io.StringIO
    ) -> None:
        """As an event, a value, a key, within a text, an object's repr, an argument, a traceback of a chain of errors."""
        log.configure("debug", output, redactor, stream)
        logger, event = log.get("x"), f"event {form}"

        logger.debug(event, value=form, nested={form: [form, {"a": f"x{form}y"}]}, raw=f"x{form}".encode())
        logger.info("object", value=_Shows(form))
        logging.getLogger("uvicorn").error("GET /%s", form)
        try:
            _fail(form)
        except RuntimeError:
            logger.exception("failed")
            logging.getLogger("asyncio").exception("failed")

        written = stream.getvalue()
        assert written.count("[secret API_KEY]") >= 10
        assert not [each for each in TELLING if each in written]
        assert output == "console" or len(lines(stream)) == 5

    def test_a_secret_that_ends_inside_an_escape_leaves_valid_json(self, stream: io.StringIO) -> None:
        """`n` after a backslash is a line's end in JSON, and none of the secret."""
        redactor = Redactor()
        redactor.know("vault", {"A": ["nabcdefgh"]})
        log.configure("info", "json", redactor, stream)

        log.get("x").info("line\nabcdefgh", both="nabcdefgh")

        assert lines(stream)[0]["event"] == "line\nabcdefgh"
        assert lines(stream)[0]["both"] == "[secret A]"

    def test_a_wrapped_secret_is_shown_by_its_name(self, redactor: Redactor, stream: io.StringIO) -> None:
        """Before any redactor knows it."""
        log.configure("info", "json", redactor, stream)

        log.get("x").info("wrapped", value=Secret(frozenset({"NEW"}), "unknown-canary"))

        assert lines(stream)[0]["value"] == "Secret(NEW, ****)"


def _fail(text: str) -> None:
    try:
        float(text)
    except ValueError as error:
        raise RuntimeError(f"<{text}>") from error


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Shows:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<{self.text}>"


class _Broken:
    def text(self, text: str) -> str:
        raise RuntimeError(text)

    def value(self, value: object) -> object:
        raise RuntimeError(value)


class TestFailure:
    @pytest.mark.parametrize("output", ["json", "console"])
    def test_nothing_passes_when_redaction_fails(self, output: Any, stream: io.StringIO) -> None:
        """A line says so, and nothing of what was to be written."""
        log.configure("info", output, _Broken(), stream)

        log.get("x").info(CANARY)

        assert json.loads(stream.getvalue())["event"] == "<redaction failed>"

    def test_a_stream_that_is_closed_ends_no_run(self, redactor: Redactor, stream: io.StringIO) -> None:
        """Nobody gets an error for having logged."""
        log.configure("info", "json", redactor, stream)
        stream.close()

        log.get("x").info("to nobody")
        logging.getLogger("x").warning("to nobody")


class TestTurns:
    async def test_what_one_turn_of_the_loop_says_goes_out_at_its_end(
        self, redactor: Redactor, stream: io.StringIO
    ) -> None:
        """Lines of level info are written together; a warning goes out at once, and those before it."""
        log.configure("info", "json", redactor, stream)
        say = log.get("runner.test")
        say.info("one")
        say.info("two")
        assert lines(stream) == []
        await anyio.lowlevel.checkpoint()
        assert [line["event"] for line in lines(stream)] == ["one", "two"]
        say.info("three")
        say.warning("four")
        assert [line["event"] for line in lines(stream)] == ["one", "two", "three", "four"]

    async def test_many_do_not_wait_for_the_end_of_the_turn(self, redactor: Redactor, stream: io.StringIO) -> None:
        """What is gathered is bounded; the rest goes out at the end of the process at the latest."""
        log.configure("info", "json", redactor, stream)
        say = log.get("runner.test")
        for number in range(250):
            say.info(str(number))
        assert len(lines(stream)) == 200

        for handler in logging.getLogger().handlers:
            handler.flush()

        assert len(lines(stream)) == 250
