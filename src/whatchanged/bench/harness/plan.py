"""What is asked of a bench."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from whatchanged import registry
from whatchanged.bench.harness.rows import Setting
from whatchanged.config import BUDGETS, BudgetName
from whatchanged.records import Record

# Settings of an audit that a bench sets itself.
OWN = ("base", "candidate", "intended", "method", "budget", "texts", "max_decoded_tokens", "seed")


class Plan(Record):
    """Every method at every budget on every organism at every seed. Each field is a flag of `whatchanged bench`."""

    methods: tuple[str, ...] = Field(("audit",), description="Methods, the one that others are held against first.")
    organisms: tuple[str, ...] = Field((), description="Organisms by name; all in the folder unless given.")
    budget: tuple[BudgetName, ...] = Field(("small",), description="Budgets: small, standard or deep.")
    texts: tuple[int, ...] = Field((), description="Texts a model, for methods that draw a given number.")
    max_decoded_tokens: tuple[int, ...] = Field(
        (), description="Limits on decoded tokens, for methods that draw as they need; 0 for none."
    )
    seeds: tuple[int, ...] = Field((0,), description="Seeds of the audits.")
    folder: Path = Field(Path("organisms"), description="Where the recipes are, and beside them what they made.")
    remeasure: int = Field(2000, ge=0, description="Fresh responses a model for each confirmed finding; 0 for none.")
    held_out: int = Field(100, gt=0, description="Fresh prompts on target, and off it, that decide what was found.")

    @property
    def settings(self) -> list[Setting]:
        """Methods that draw a given number of texts once for each of `texts`; the others once for each limit.

        Raises SpecError for an unknown method.
        """
        return [
            Setting(method=method, budget=budget, texts=texts, max_decoded_tokens=limit)
            for method in dict.fromkeys(self.methods)
            for budget in dict.fromkeys(self.budget)
            for texts, limit in self._amounts(method, budget)
        ]

    def command(self, settings: Mapping[str, Any]) -> str:
        """The command that does the same, with the `settings` of all audits; where it writes is left open."""
        defaults, words = Plan(), ["whatchanged", "bench"]
        for name in Plan.model_fields:
            if (value := getattr(self, name)) != getattr(defaults, name):
                words += [_flag(name), ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
        for name, value in settings.items():
            if isinstance(value, bool):
                words.append(_flag(name if value else f"no-{name}"))
            else:
                given = value if isinstance(value, tuple) else (value,)
                words += [word for one in given for word in (_flag(name), str(one))]
        return shlex.join(words)

    def _amounts(self, method: str, budget: BudgetName) -> list[tuple[int | None, int | None]]:
        """Texts, or a limit on decoded tokens: a method knows one of them."""
        if registry.methods[method].draws_texts:
            return [(texts, None) for texts in dict.fromkeys(self.texts or (BUDGETS[budget].method_texts,))]
        return [(None, limit or None) for limit in dict.fromkeys(self.max_decoded_tokens or (0,))]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
