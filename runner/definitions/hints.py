"""
Words of other systems, and what they are called here.

    steps: → actions      depends_on: → needs      type: postgres → sql

`runner.definitions.shape` asks before it looks for the nearest name. Only words that somebody who comes from GitHub
Actions, Kestra, n8n, Airflow, Argo, Ansible or Step Functions would write without thinking.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from runner.expressions.nearest import suggestion

_SHARED: Final = {
    "retries": "write retry: {max_attempts: …}",
    "onFailure": "write on_failure",
    "catch": "write on_failure, beside actions or in a group",
    "always": "write finally",
    "outputs": "write output",
    "timeout-minutes": "write timeout, as in timeout: 10m",
    "timeoutSeconds": "write timeout, as in timeout: 30s",
    "vars_files": "values come from $env and $secret",
}

FILE_WORDS: Final[Mapping[str, str]] = {
    **_SHARED,
    **dict.fromkeys(("steps", "jobs", "tasks", "nodes", "states", "stages", "flow"), "write actions: with a list"),
    **dict.fromkeys(("on", "trigger", "when", "schedule", "cron"), "write triggers: with a list of {type, config}"),
    **dict.fromkeys(("env", "variables", "constants"), "write vars, or name $env.NAME where it is used"),
    **dict.fromkeys(("id", "title"), "write name"),
    **dict.fromkeys(("parameters", "params", "args"), "write inputs"),
    **dict.fromkeys(("errors", "on_error", "error"), "write on_failure with a list of actions"),
    "after": "write finally with a list of actions",
    "secrets": "name $secret.NAME where it is used; the vault is filled by `runner secrets set NAME`",
    "max_parallel": "write concurrency",
}

ACTION_WORDS: Final[Mapping[str, str]] = {
    **_SHARED,
    **dict.fromkeys(
        ("depends_on", "dependsOn", "depends", "after", "requires", "dependencies"), "write needs: [ID, …]"
    ),
    **dict.fromkeys(("when", "condition", "only_if", "unless"), "write if, with an expression"),
    **dict.fromkeys(("uses", "kind", "module", "plugin", "action", "task"), "write type and config"),
    **dict.fromkeys(("with", "params", "parameters", "args", "spec", "settings", "inputs"), "write config"),
    **dict.fromkeys(
        ("run", "script", "command", "cmd", "shell", "code"), "there is no shell; types are http, sql and the like"
    ),
    **dict.fromkeys(
        ("foreach", "forEach", "for-each", "loop", "with_items", "matrix", "items", "each"), "write for_each"
    ),
    **dict.fromkeys(("continue_on_error", "continue-on-error", "ignore_errors"), "write on_error: continue"),
    **dict.fromkeys(("name", "key", "title"), "write id"),
    **dict.fromkeys(("actions", "steps", "tasks"), "write type: group and config: {actions: […]}"),
    "on_failure": "an action has on_error; a list of actions for its failure belongs into a group or the file",
    "finally": "finally belongs into a group's config or the file",
    "else": "write a second action with if: not …",
    "parallel": "write concurrency with for_each, or needs: [] on actions that run side by side",
    "max_attempts": "write retry: {max_attempts: …}",
    "delay": "write retry: {delay: …}",
    "until": "write retry: {until: …}",
}

TYPE_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("postgres", "postgresql", "mysql", "mariadb", "sqlite", "database", "db", "query"), "sql"),
    **dict.fromkeys(("https", "rest", "request", "webhook", "api", "graphql", "fetch", "curl", "http_request"), "http"),
    **dict.fromkeys(("sleep", "delay", "pause", "approval", "callback"), "wait"),
    **dict.fromkeys(("loop", "foreach", "for_each", "parallel", "block", "try", "sequence"), "group"),
    **dict.fromkeys(("call", "subflow", "subworkflow", "sub-workflow", "child"), "workflow"),
    **dict.fromkeys(("assign", "transform", "map", "variables", "pass"), "set"),
    **dict.fromkeys(("return", "end", "exit", "fail", "abort"), "stop"),
}
_CODE: Final = frozenset({"shell", "script", "bash", "command", "exec", "python", "javascript", "code", "function"})

TRIGGER_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("cron", "interval", "timer", "every"), "schedule"),
    **dict.fromkeys(("webhook", "rest", "api", "https"), "http"),
    **dict.fromkeys(("workflow", "flow", "failure", "error"), "run"),
}


def unknown_key(key: str, known: Iterable[str], words: Mapping[str, str]) -> str:
    """The sentence about a key that means nothing in its place."""
    known = sorted(known)
    if key in words:
        return f"unknown key {_quoted(key)}: {words[key]}"
    if ":" in key:
        return f"unknown key {_quoted(key)}: a space is missing after the colon"
    return f"unknown key {_quoted(key)}{suggestion(key, known)} (known: {', '.join(known)})"


def unknown_word(word: str, known: Iterable[str], words: Mapping[str, str], what: str) -> str:
    """The sentence about a type that nobody brings."""
    known = sorted(known)
    if word in _CODE:
        return f"unknown {what} {_quoted(word)}: there is no code to run; http and sql act, expressions compute"
    if words.get(word) in known:
        return f"unknown {what} {_quoted(word)}: write {words[word]}"
    return f"unknown {what} {_quoted(word)}{suggestion(word, known)} (known: {', '.join(known)})"


def _quoted(word: str) -> str:
    return repr(word if len(word) <= 40 else word[:40] + "…")  # noqa: PLR2004  what a line still holds
