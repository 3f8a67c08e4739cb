"""
More than one page: where the next one is, what each one brings, and how they become one value.

    page 1 ──keep_page──► page 2 ──keep_page──► … ──► {status and headers of the last, body: all items in order}

Each page is journaled as `{status, headers, items, next}`, `next` being `{url, query}` or null; an attempt that is
repeated goes on from the last one kept. `runner.executors.http.executor` runs `collect` where the config has
`paginate`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from runner.errors import ExpressionError, PermanentError
from runner.executors.http.config import HttpConfig, Paginate
from runner.executors.http.links import next_link
from runner.executors.http.outgoing import Outgoing, query_pairs
from runner.executors.http.target import Target, TargetError, join, parse, with_query
from runner.expressions.labels import Labelled, below, names_of, under
from runner.expressions.template import Deferred
from runner.ports import Call, Result

Fetch = Callable[[Outgoing], Awaitable[tuple[Result, Outgoing]]]


async def collect(config: HttpConfig, first: Callable[[int], Outgoing], fetch: Fetch, call: Call) -> Result:
    """
    All pages as one value. `first` makes the config's own request with the page's key. Raises ActionError,
    FieldError.
    """
    paginate = config.paginate
    assert paginate is not None
    pages = list(call.pages)
    while not pages or pages[-1].value["next"] is not None:
        request = _request(first(len(pages)), pages[-1] if pages else None)
        if len(pages) >= paginate.max_pages:
            message = f"{request.name} has more than max_pages ({paginate.max_pages}) pages"
            raise PermanentError(message, kind="limit", effect=request.done)
        answer, last = await fetch(request)
        page = _page(paginate, answer, last, request)
        if page.value["next"] is not None and _request(first(len(pages)), page).target == request.target:
            raise PermanentError(
                f"{request.name} names the same page as the next", kind="response", effect=request.done
            )
        if page.value["next"] is not None or pages:
            await call.keep_page(page)
        pages.append(page)
    return _joined(pages)


def _request(own: Outgoing, before: Result | None) -> Outgoing:
    """The request of the page after `before`. Raises PermanentError where it may not go there."""
    if before is None:
        return own
    following, labels = before.value["next"], before.labels
    target = parse(following["url"]) if following["url"] is not None else own.target
    names = names_of(below(labels, "next"))
    secret = own.secret or bool(names)
    if target.origin != own.target.origin and secret:
        message = f"{own.name}: its next page is at another origin, where a request that carries a secret does not go"
        raise PermanentError(message, kind="refused", effect=own.done)
    target = with_query(target, query_pairs(following["query"]))
    return msgspec.structs.replace(own.moved(target), secret=secret, names=own.names | names)


def _page(paginate: Paginate, answer: Result, last: Outgoing, request: Outgoing) -> Result:
    """What is kept of a page."""
    this = Labelled(answer.value, answer.labels)
    items = _items(paginate, this, request)
    following = _following(paginate, this, last, request)
    value = {**answer.value, "items": items.value, "next": following.value}
    del value["body"]
    labels = {path: names for path, names in answer.labels.items() if path[:1] != ("body",)}
    return Result(value, {**labels, **under(items.labels, "items"), **under(following.labels, "next")})


def _items(paginate: Paginate, this: Labelled, request: Outgoing) -> Labelled:
    if paginate.items is None:
        found = Labelled(this.value["body"], below(this.labels, "body"))
    else:
        found = _list(paginate.items, this, request)
    if not isinstance(found.value, list):
        where = "body is" if paginate.items is None else "paginate.items is"
        message = f"{request.name}: its {where} no list; expected paginate.items to lead to the page's list"
        raise PermanentError(message, kind="response", effect=request.done)
    return found


def _list(expression: Deferred, this: Labelled, request: Outgoing) -> Labelled:
    try:
        return expression.evaluate(this)
    except ExpressionError as error:
        raise PermanentError(f"paginate.items: {error}", kind="expression", effect=request.done) from None


def _following(paginate: Paginate, this: Labelled, last: Outgoing, request: Outgoing) -> Labelled:
    """`{url, query}` of the next page, or null where this was the last."""
    if paginate.next is None:
        link = this.value["headers"].get("link")
        found = Labelled(next_link(link) if link is not None else None)
    else:
        found = _onward(paginate.next.expression, this, request)
    if not found.value:
        return Labelled(None)
    if isinstance(found.value, dict):
        keys = paginate.next.computed if paginate.next is not None else None
        there = [found.value.get(key) for key in (found.value if keys is None else keys)]
        if all(item is None or item == "" for item in there):
            return Labelled(None)
        return Labelled({"url": None, "query": found.value}, under(found.labels, "query"))
    if not isinstance(found.value, str):
        message = f"{request.name}: paginate.next gave neither a URL nor a mapping nor null"
        raise PermanentError(message, kind="response", effect=request.done)
    return Labelled({"url": _address(found.value, last, request).url, "query": {}}, under(found.labels, "url"))


def _address(text: str, last: Outgoing, request: Outgoing) -> Target:
    try:
        target = join(last.target, text)
    except TargetError as error:
        message = f"{request.name}: the address of its next page {error}"
        raise PermanentError(message, kind="response", effect=request.done) from None
    if target.user:
        message = f"{request.name}: the address of its next page holds a user's name and password"
        raise PermanentError(message, kind="refused", effect=request.done)
    return target


def _onward(expression: Deferred, this: Labelled, request: Outgoing) -> Labelled:
    """What `next` gives; null for what is false or not there."""
    try:
        if not expression.test(this):
            return Labelled(None)
        return expression.evaluate(this)
    except ExpressionError as error:
        raise PermanentError(f"paginate.next: {error}", kind="expression", effect=request.done) from None


def _joined(pages: list[Result]) -> Result:
    """Status and headers of the last page, the items of all of them."""
    last = pages[-1]
    body: list[Any] = []
    labels: dict[Any, Any] = {path: names for path, names in last.labels.items() if path[0] in {"status", "headers"}}
    for page in pages:
        for path, names in below(page.labels, "items").items():
            labels["body", *_moved(path, len(body))] = names
        body.extend(page.value["items"])
    return Result({"status": last.value["status"], "headers": last.value["headers"], "body": body}, labels)


def _moved(path: tuple[str | int, ...], by: int) -> tuple[str | int, ...]:
    return path if not path else (int(path[0]) + by, *path[1:])
