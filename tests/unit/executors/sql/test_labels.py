"""Which columns of a result are secret."""

from typing import Any

from runner.executors.sql.labels import NAME, secret_parts


class TestSecretParts:
    def test_columns_are_secret_by_the_list_of_json_keys(self) -> None:
        """In each row and in the first one's copy, within JSON columns too; nulls and the other columns are not."""
        rows: list[dict[str, Any]] = [
            {"id": 1, "api_key": "k-1", "profile": {"password": "p", "name": "n"}},
            {"id": 2, "api_key": None, "profile": None},
            {"id": 3, "api_key": "k-3", "profile": ["a"]},
        ]

        assert secret_parts(rows) == dict.fromkeys(
            [
                ("rows", 0, "api_key"),
                ("row", "api_key"),
                ("rows", 0, "profile", "password"),
                ("row", "profile", "password"),
                ("rows", 2, "api_key"),
            ],
            NAME,
        )

    def test_one_of_several_results_has_its_place_before(self) -> None:
        """As the value is a list then."""
        assert set(secret_parts([{"password": "p"}], (1,))) == {(1, "rows", 0, "password"), (1, "row", "password")}

    def test_a_result_without_any_has_no_labels(self) -> None:
        """Nothing is made for it."""
        assert not secret_parts([{"id": 1, "name": "n"}])
