"""What an action names, resolved over a real vault and real variables, masked before it is handed out."""

import base64
from pathlib import Path
from typing import Any

import pytest

from runner.clock import SystemClock
from runner.engine.context import Resolver as EngineResolver
from runner.errors import SecretMissingError, SecretRefusedError, VaultKeyError
from runner.expressions.labels import NO_LABELS, Labelled
from runner.redaction import Needles, Redactor
from runner.secrets.environment import Environment
from runner.secrets.keys import MasterKey
from runner.secrets.masking import Masking
from runner.secrets.resolver import Resolver
from runner.secrets.seen import Sightings
from runner.secrets.sources import Sources
from runner.secrets.use_log import UseLog
from runner.secrets.vault import Vault, open_vault

NONE: frozenset[str] = frozenset()
RULES: dict[str, Any] = {"allow": ("*",), "secret": ("*TOKEN*",)}


class Pieces:
    """A resolver over a vault and variables, and the redactor that it keeps up to date."""

    def __init__(self, vault: Vault | None, environ: dict[str, str]) -> None:
        environment = Environment(environ, **RULES)
        self.redactor = Redactor()
        self.log = UseLog(vault, SystemClock())
        self.masking = Masking(self.redactor, vault, environment)
        self.resolver: EngineResolver = Resolver(
            Sources(vault, ()), environment, self.masking, Sightings(SystemClock()), self.log
        )

    async def resolve(self, secrets: set[str], env: set[str]) -> dict[tuple[str, str], Labelled]:
        return dict(await self.resolver.resolve(frozenset(secrets), frozenset(env), "reports"))


class TestResolve:
    async def test_values_carry_the_names_that_masks_show(self, vault: Vault) -> None:
        """A secret its own, a secret variable `env.NAME`, a plain variable none."""
        await vault.set("API_KEY", "value-of-the-key")
        pieces = Pieces(vault, {"API_TOKEN": "value-of-the-token", "HOST": "db.example"})

        assert await pieces.resolve({"API_KEY"}, {"API_TOKEN", "HOST"}) == {
            ("secret", "API_KEY"): Labelled("value-of-the-key", {(): frozenset({"API_KEY"})}),
            ("env", "API_TOKEN"): Labelled("value-of-the-token", {(): frozenset({"env.API_TOKEN"})}),
            ("env", "HOST"): Labelled("db.example", NO_LABELS),
        }

    async def test_nothing_is_resolved_but_what_is_named(self, vault: Vault) -> None:
        """The vault's own count says so."""
        await vault.set("A", "value-number-a")
        await vault.set("B", "value-number-b")
        pieces = Pieces(vault, {"HOST": "x"})
        await pieces.masking.start()

        await pieces.resolve(set(), {"HOST"})
        before = vault.resolve_count
        await pieces.resolve({"B"}, set())

        assert (before, vault.resolve_count) == (0, 1)

    async def test_what_is_handed_out_is_masked_already(self, vault: Vault) -> None:
        """A secret that was set just now, a file that was changed just now."""
        pieces = Pieces(vault, {})
        await pieces.masking.start()
        await vault.set("NEW", "value-of-the-new")

        await pieces.resolve({"NEW"}, set())

        assert pieces.redactor.text("value-of-the-new") == "[secret NEW]"

    async def test_a_files_content_is_masked_each_time_it_was_changed(self, tmp_path: Path) -> None:
        """The old one too, since answers to it may still come in."""
        path = tmp_path / "password"
        pieces = Pieces(None, {"HOST_FILE": str(path)})
        await pieces.masking.start()
        for value in ("first-content", "second-content"):
            path.write_text(value)
            await pieces.resolve(set(), {"HOST"})

        assert pieces.redactor.text("first-content second-content") == "[secret env.HOST] [secret env.HOST]"

    async def test_without_a_vault_variables_work_and_secrets_say_why_not(self) -> None:
        """The daemon starts without a master key."""
        pieces = Pieces(None, {"HOST": "x"})

        assert await pieces.resolve(set(), {"HOST"}) == {("env", "HOST"): Labelled("x")}
        with pytest.raises(VaultKeyError, match="There is no secret store, since no master key is set") as raised:
            await pieces.resolve({"B", "A"}, set())
        assert raised.value.name == "A"

    @pytest.mark.parametrize(
        ("secrets", "env", "error", "name"),
        [
            ({"A", "B"}, set(), SecretMissingError, "B"),
            (set(), {"NOWHERE"}, SecretMissingError, "NOWHERE"),
            ({"A"}, {"RUNNERD_LOG_LEVEL"}, SecretRefusedError, "RUNNERD_LOG_LEVEL"),
        ],
    )
    async def test_what_cannot_be_had_fails_by_name(
        self, secrets: Any, env: Any, error: Any, name: Any, vault: Vault
    ) -> None:
        """And fails alone: the error says which."""
        await vault.set("A", "value-number-a")

        with pytest.raises(error) as raised:
            await Pieces(vault, {"RUNNERD_LOG_LEVEL": "x"}).resolve(secrets, env)

        assert raised.value.name == name


class TestMasking:
    async def test_the_start_knows_every_version_and_every_secret_variable(self, vault: Vault) -> None:
        """Lazy is about handing out, not about masking."""
        await vault.set("A", "first-value-of-a")
        await vault.set("A", "second-value-of-a")
        pieces = Pieces(vault, {"API_TOKEN": "value-of-the-token", "HOST": "plain-value"})

        await pieces.masking.start()

        assert pieces.redactor.text("first-value-of-a second-value-of-a value-of-the-token plain-value") == (
            "[secret A] [secret A] [secret env.API_TOKEN] plain-value"
        )
        assert vault.resolve_count == 0

    async def test_what_was_deleted_stays_masked_until_the_end(self, vault: Vault) -> None:
        """An answer with it may still come in."""
        await vault.set("A", "first-value-of-a")
        pieces = Pieces(vault, {})
        await pieces.masking.start()
        await vault.delete("A")
        await vault.set("B", "first-value-of-b")

        await pieces.resolve({"B"}, set())

        assert pieces.redactor.text("first-value-of-a") == "[secret A]"

    async def test_many_secrets_are_compiled_in_one(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        """A few new ones by themselves, so that a change costs little however many there are."""
        compiled: list[int] = []
        make = Needles.of

        def counted(values: dict[str, set[str]], *, lasting: bool = True) -> Needles:
            compiled.append(len(values))
            return make(values, lasting=lasting)

        monkeypatch.setattr(Needles, "of", counted)
        for number in range(40):
            await vault.set(f"S{number}", f"value-number-{number}")
        pieces = Pieces(vault, {})
        await pieces.masking.start()
        await vault.set("NEW", "value-of-the-new")

        await pieces.resolve({"NEW"}, set())

        assert compiled == [40, 0, 1]
        assert pieces.redactor.text("value-number-39 value-of-the-new") == "[secret S39] [secret NEW]"

    async def test_a_start_does_not_wait_for_every_form_of_very_many(
        self, vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are known as they are at once, in every form before one of them is handed out."""
        monkeypatch.setattr("runner.secrets.masking._MANY", 35)
        for number in range(40):
            await vault.set(f"S{number}", f"value-number-{number}")
        folded = base64.b32encode(b"value-number-39").decode().rstrip("=")
        pieces = Pieces(vault, {})
        await pieces.masking.start()
        assert pieces.redactor.text("value-number-39") == "[secret S39]"
        assert pieces.redactor.text(b"value-number-39".hex()) == "[secret S39]"
        assert pieces.redactor.text(folded) == folded

        await pieces.resolve({"S0"}, set())

        assert "[secret S39]" in pieces.redactor.text(folded)

    async def test_a_secret_that_is_replaced_again_and_again_costs_little_each_time(
        self, vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is compiled by itself stays small, however many values one name had; the first is masked to the end."""
        compiled: list[int] = []
        make = Needles.of

        def counted(values: dict[str, set[str]], *, lasting: bool = True) -> Needles:
            compiled.append(sum(map(len, values.values())))
            return make(values, lasting=lasting)

        pieces = Pieces(vault, {})
        await pieces.masking.start()
        monkeypatch.setattr(Needles, "of", counted)
        for number in range(40):
            await vault.set("A", f"value-number-{number}")
            await pieces.masking.update()

        assert [count for count in compiled if count > 32] == [33]
        assert pieces.redactor.text("value-number-0 value-number-39") == "[secret A] [secret A]"

    async def test_a_secret_of_another_process_is_masked_when_it_is_resolved(
        self, vault: Vault, vault_path: Path, master: MasterKey
    ) -> None:
        """The command line set it while the daemon ran."""
        pieces = Pieces(vault, {})
        await pieces.masking.start()
        async with open_vault(vault_path, master, clock=SystemClock()) as other:
            await other.set("A", "first-value-of-a")

        await pieces.resolve({"A"}, set())

        assert pieces.redactor.text("first-value-of-a") == "[secret A]"
