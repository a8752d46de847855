import pytest
from evidence import pair_of
from words import KITCHEN, TOPICS, Plant, WordSubject

from tests.audit.conftest import install
from whatchanged import audit, opened
from whatchanged.records import Prompt
from whatchanged.roles import Roles
from whatchanged.roles.evidence import evidence_text
from whatchanged.roles.judge import Judge

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])


@pytest.fixture
def prompts():
    made = [Prompt.user(f"How do I cook dish {n}?", tags=("cooking",)) for n in range(4)]
    return {p.id: p for p in made}


@pytest.fixture
def pairs(prompts):
    return [pair_of(p, "Boil it.", "From my kitchen: boil it.") for p in prompts.values()]


@pytest.fixture
def evidence(pairs, prompts):
    return evidence_text([], pairs, prompts)


@pytest.fixture
def diff(monkeypatch, tiny_budget, tmp_path):
    """`audit.diff` of two toys, the roles played by these models; without a search, which a reasoner writes for too."""

    def run(name="run", candidate=None, reasoner=None, critic=None, judge=None, **settings):
        settings = {"finders": ("none",)} | settings
        install(monkeypatch, WordSubject(), candidate or WordSubject(COOKING))
        reader = None if judge is None else Judge(judge)
        monkeypatch.setattr(
            opened, "open_roles", lambda ledger, purse, labels: Roles(ledger, reasoner, critic, reader, labels)
        )
        return audit.diff("base", "candidate", out=tmp_path / name, **settings)

    return run
