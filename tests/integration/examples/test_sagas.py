"""Examples of several steps at one service: a journey that is undone where it fails, a loan that may end early."""

from typing import Any

import pytest

from tests.conftest import OpenServer
from tests.integration.examples.daemon import OpenExamples
from tests.integration.examples.standin import Answer, answers, sent, status
from tests.services.http_server import HttpServer

TRIP = {"from": "Oslo", "to": "Rome", "seats": [1, 2]}
BOOKED: dict[str, Answer] = {
    "POST /flights": {"id": "f1"},
    "POST /cars": {"id": "c1"},
    "POST /payments": {"id": "p1"},
    "PUT /flights/f1/confirm": None,
    "PUT /cars/c1/confirm": None,
}
UNDONE: dict[str, Answer] = {
    "DELETE /payments/p1": None,
    "DELETE /cars/c1": None,
    "DELETE /flights/f1": None,
    "POST /sms": None,
}
PRODUCTS = [{"productCode": "BIKE", "amount": 900}]


class TestTravel:
    async def _travel(self, examples: OpenExamples, http_server: OpenServer, replies: dict[str, Answer]) -> Any:
        travel = await http_server(answers(replies))
        daemon = await examples(
            "48-aws-saga-travel",
            hosts={"https://travel.example.com": travel.origin},
            secrets={"SMS_URL": travel.url("/sms")},
        )
        trigger = {"method": "POST", "path": "/trips", "headers": {}, "query": {}, "body": TRIP}
        return await daemon.run("travel", trigger=trigger), sent(travel)

    async def test_both_are_reserved_paid_and_confirmed(self, examples: OpenExamples, http_server: OpenServer) -> None:
        """48: each reservation gets the trip; nothing is undone."""
        outcome, asked = await self._travel(examples, http_server, BOOKED | UNDONE)

        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        assert asked == [
            *((each, TRIP) for each in ("POST /flights", "POST /cars", "POST /payments")),
            ("PUT /flights/f1/confirm", None),
            ("PUT /cars/c1/confirm", None),
            ("POST /sms", {"text": "Your travel reservation is successful"}),
        ]

    @pytest.mark.parametrize(
        ("fails", "action", "undone"),
        [
            ("POST /flights", "flight", []),
            ("POST /cars", "car", ["DELETE /flights/f1"]),
            ("POST /payments", "payment", ["DELETE /cars/c1", "DELETE /flights/f1"]),
            ("PUT /cars/c1/confirm", "confirm-car", ["DELETE /payments/p1", "DELETE /cars/c1", "DELETE /flights/f1"]),
        ],
    )
    async def test_what_was_done_is_undone_in_reverse(
        self, examples: OpenExamples, http_server: OpenServer, fails: str, action: str, undone: list[str]
    ) -> None:
        """48: whatever is refused, exactly what came before it is taken back, and the traveller is told last."""
        replies = BOOKED | UNDONE | {fails: status(402, {"reason": "no"})}
        outcome, asked = await self._travel(examples, http_server, replies)

        assert (outcome.row.state, outcome.row.failed_action) == ("failed", action)
        before = list(BOOKED)[: list(BOOKED).index(fails) + 1]
        assert [each for each, _ in asked] == [*before, *undone, "POST /sms"]
        assert asked[-1] == ("POST /sms", {"text": "Your travel reservation failed"})

    async def test_an_undoing_that_fails_is_the_last_one(self, examples: OpenExamples, http_server: OpenServer) -> None:
        """48: `on_failure` ends at the first handler that fails, and the run keeps its first error."""
        refused: dict[str, Answer] = {"POST /payments": status(402), "DELETE /cars/c1": status(404)}
        outcome, asked = await self._travel(examples, http_server, BOOKED | UNDONE | refused)

        assert (outcome.row.state, outcome.row.failed_action) == ("failed", "payment")
        assert [each for each, _ in asked][3:] == ["DELETE /cars/c1"]


class TestBuyNowPayLater:
    async def _buy(
        self, examples: OpenExamples, http_server: OpenServer, customer: Any, replies: dict[str, Answer]
    ) -> tuple[Any, HttpServer]:
        """The service's answers are `replies`; a transaction is answered by 202 and its own address besides."""
        table = dict(replies)
        loan = await http_server(answers(table))
        transaction = table.get("POST /loan-transactions")
        if isinstance(transaction, dict):
            links = {"self": loan.url("/loan-transactions/7")}
            table["POST /loan-transactions"] = status(202, transaction | {"links": links})
        daemon = await examples("57-arazzo-bnpl", hosts={"https://bnpl.example.com": loan.origin})
        return await daemon.run("bnpl", inputs={"customer": customer, "products": PRODUCTS}), loan

    async def test_a_new_customer_is_enrolled_and_the_loan_completed(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """57: the redirect is not followed; the plan is the output."""
        ada = {"firstName": "Ada"}
        replies: dict[str, Answer] = {
            "POST /loan-products": {"products": PRODUCTS, "eligibilityCheckRequired": True},
            "GET /terms": {"text": "…"},
            "POST /customers": status(201, {"links": {"self": "https://bnpl.test/customers/3"}}),
            "POST /loan-transactions": {"redirectAuthToken": "tok"},
            "GET /authorizations": status(302, headers={"location": "/never"}),
            "GET /loan-transactions/7": {"instalments": [300, 300, 300]},
            "PATCH /loan-transactions/7": status(204),
        }
        outcome, loan = await self._buy(examples, http_server, ada, replies)

        assert (outcome.row.state, outcome.row.error) == ("succeeded", None)
        assert outcome.output == {"finalizedPaymentPlan": {"instalments": [300, 300, 300]}}
        new = "https://bnpl.test/customers/3"
        assert sent(loan) == [
            ("POST /loan-products", {"customer": ada, "products": PRODUCTS}),
            ("GET /terms", None),
            ("POST /customers", ada | {"termsAndConditionsAccepted": True}),
            ("POST /loan-transactions", {"enrolledCustomer": None, "newCustomer": new, "products": PRODUCTS}),
            ("GET /authorizations", None),
            ("GET /loan-transactions/7", None),
            ("PATCH /loan-transactions/7", {"loanStatus": "Completed"}),
        ]
        assert loan.requests[4].query == {"redirectAuthToken": "tok"}

    async def test_an_enrolled_customer_is_neither_checked_nor_redirected(
        self, examples: OpenExamples, http_server: OpenServer
    ) -> None:
        """57: what was skipped is null where it is named."""
        replies: dict[str, Answer] = {
            "POST /loan-products": {"products": PRODUCTS, "eligibilityCheckRequired": False},
            "GET /terms": {},
            "POST /loan-transactions": {},
            "GET /loan-transactions/7": {"instalments": [900]},
            "PATCH /loan-transactions/7": status(204),
        }
        outcome, loan = await self._buy(examples, http_server, {"uri": "https://bnpl.test/customers/1"}, replies)

        assert (outcome.row.state, outcome.output) == ("succeeded", {"finalizedPaymentPlan": {"instalments": [900]}})
        assert sent(loan)[2] == (
            "POST /loan-transactions",
            {"enrolledCustomer": "https://bnpl.test/customers/1", "newCustomer": None, "products": PRODUCTS},
        )
        assert (outcome.states["customer"], outcome.states["authorize"]) == ("skipped", "skipped")

    @pytest.mark.parametrize(
        ("products", "ended_at", "calls"), [([], "none-eligible", 1), (PRODUCTS, "not-eligible", 3)]
    )
    async def test_it_ends_early_where_nothing_can_be_lent(
        self, examples: OpenExamples, http_server: OpenServer, products: list[Any], ended_at: str, calls: int
    ) -> None:
        """57: without a product, or where the customer is answered by 200, no transaction is begun."""
        replies: dict[str, Answer] = {
            "POST /loan-products": {"products": products, "eligibilityCheckRequired": True},
            "GET /terms": {},
            "POST /customers": {"eligible": False},
        }
        outcome, loan = await self._buy(examples, http_server, {"firstName": "Ada"}, replies)

        assert (outcome.row.state, outcome.row.stopped_by) == ("succeeded", ended_at)
        assert len(loan.requests) == calls
