import pytest
from evidence import pair_of

from whatchanged.records import Prompt
from whatchanged.roles.evidence import evidence_text


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
