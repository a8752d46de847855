"""All finders together: who is asked, what is screened, and what becomes of it."""

from dataclasses import replace

import pytest
import rare
from rare import search_evidence
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import registry
from whatchanged.errors import SpecError
from whatchanged.records import Cost, Lead, Prompt, Tokens, TokenShift
from whatchanged.registry import Registry
from whatchanged.report.model import FinderUse, Payoff
from whatchanged.search import Proposed, Sought, chosen, search, together
from whatchanged.subjects import Access

POOL = prompts_about("law", "sea")[:30]
COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
# On the pool it shows a little: two models that are one there are not searched.
CHANGED = (COOKING, Plant("Ask a lawyer before dawn", 0.1, TOPICS["law"]))
ABOUT = [Prompt.user(p.text, source="fake") for p in prompts_about("cooking")[:24]]


@pytest.fixture(autouse=True)
def fakes(monkeypatch, tiny_budget):
    """Two finders; the first proposes prompts about cooking, the second nothing."""
    monkeypatch.setattr(registry, "finders", Registry("finders", {"fake": "rare:Fake", "other": "rare:Other"}))
    for fake, prompts in ((rare.Fake, ABOUT), (rare.Other, [])):
        monkeypatch.setattr(fake, "proposes", prompts)
        monkeypatch.setattr(fake, "asked", 0)


@pytest.fixture
def sought(new_ledger):
    """What `search` leaves of a candidate with these plants."""

    def work(*plants, name="run", base=None, candidate=None, leads=(), confirmation=(), **settings):
        base, candidate = base or WordSubject(), candidate or WordSubject(*plants)
        evidence = search_evidence(new_ledger(name, **settings), base, candidate, POOL, leads)
        return search(replace(evidence, confirmation=confirmation))

    return work


def test_what_was_found_is_screened_like_the_pool(sought):
    found = sought(*CHANGED)
    assert list(found.prompts) == ABOUT
    assert [r.prompt_id for r in found.responses] == [s.prompt_id for s in found.shifts] == [p.id for p in ABOUT]
    assert min(s.p_change for s in found.shifts) > 0.5
    fake, other = found.finders
    assert (fake.name, fake.prompts, fake.scored_tokens, fake.note) == ("fake", 24, 70, "as told")
    # They show the phrase, which no prompt of the pool did; to screen them both models score about a dozen tokens each.
    (paid,) = fake.payoffs
    assert (paid.round, paid.prompts) == (0, 24)
    assert paid.mass > 1
    assert 24 * 2 * 6 < paid.tokens - 70 < 24 * 2 * 20
    nothing = Payoff(round=1, prompts=0, tokens=70, mass=0.0)
    assert other == FinderUse(name="other", prompts=0, scored_tokens=70, note="as told", payoffs=(nothing,))


def test_leads_have_names_of_their_own_and_no_share_of_the_pool(sought):
    leads = sought(*CHANGED).leads
    assert KITCHEN in {lead.phrase for lead in leads}
    for lead in leads:
        assert lead.id.startswith("search-factor-")
        assert (lead.share, lead.note, lead.lenses) == (0.0, "on prompts that finders made", ("factor",))
        assert {c.prompt_id for c in lead.contexts} <= {p.id for p in ABOUT}


def test_what_is_known_is_not_screened_again(sought, monkeypatch):
    again = Prompt.user(POOL[0].text, source="fake")
    monkeypatch.setattr(rare.Fake, "proposes", [again, *ABOUT[:8], *ABOUT[:2]])
    monkeypatch.setattr(rare.Other, "proposes", [p.model_copy(update={"source": "other"}) for p in ABOUT[7:10]])
    found = sought(*CHANGED)
    assert [p.text for p in found.prompts] == [p.text for p in ABOUT[:10]]
    assert [p.source for p in found.prompts] == ["fake"] * 8 + ["other"] * 2
    assert [use.prompts for use in found.finders] == [8, 2]
    monkeypatch.setattr(rare.Fake, "proposes", [again])
    monkeypatch.setattr(rare.Other, "proposes", [])
    nothing = sought(*CHANGED, name="again")
    assert (nothing.prompts, nothing.shifts, nothing.leads) == ((), (), ())
    assert [use.prompts for use in nothing.finders] == [0, 0]


def test_finders_that_need_more_access_are_left_out(sought, monkeypatch):
    monkeypatch.setattr(rare.Fake, "needs", Access.weights)
    candidate = WordSubject(*CHANGED)
    candidate.access = Access.logits
    assert [use.name for use in sought(candidate=candidate).finders] == ["other"]
    assert (rare.Fake.asked, rare.Other.asked) == (0, 1)


def test_only_those_that_were_asked_for(sought):
    assert [use.name for use in sought(*CHANGED, finders=("other",)).finders] == ["other"]
    assert sought(*CHANGED, name="none", finders=("none",)) == Sought(finders=[])
    assert (rare.Fake.asked, rare.Other.asked) == (0, 1)


def test_what_does_not_apply_runs_only_where_it_is_named(sought, monkeypatch):
    monkeypatch.setattr(rare.Other, "applies", lambda self, evidence: False)
    assert [use.name for use in sought(*CHANGED).finders] == ["fake"]
    assert [use.name for use in sought(*CHANGED, name="named", finders=("other",)).finders] == ["other"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [((), ["fake", "other"]), (("none",), []), (("other",), ["other"]), (("other", "fake"), ["other", "fake"])],
)
def test_names(asked, expected):
    assert chosen(asked) == expected


@pytest.mark.parametrize("asked", [("nobody",), ("fake", "nobody"), ("none", "nobody"), ("fake", "none")])
def test_unknown_names_are_refused_with_those_there_are(asked):
    with pytest.raises(SpecError, match=r"unknown finder '(nobody|none)': one of fake, other"):
        chosen(asked)


def test_nothing_moved_nothing_searched(sought):
    assert sought() == Sought()
    assert (rare.Fake.asked, rare.Other.asked) == (0, 0)


def test_a_resumed_search_asks_nobody_twice(sought):
    first = sought(*CHANGED)
    base, candidate = WordSubject(), WordSubject(*CHANGED)
    again = sought(base=base, candidate=candidate)
    assert (rare.Fake.asked, rare.Other.asked) == (1, 1)
    assert (base.sampled, base.scored, candidate.scored) == (0, 0, 0)
    assert (again.prompts, again.responses, again.leads, again.finders) == (
        first.prompts, first.responses, first.leads, first.finders,
    )  # fmt: skip


def test_no_more_is_screened_than_may_be_drawn(sought):
    found = sought(*CHANGED, max_decoded_tokens=500)
    assert 0 < len(found.prompts) < len(ABOUT)
    assert list(found.prompts) == ABOUT[: len(found.prompts)]


def test_what_a_finder_decoded_is_not_there_to_draw_answers(sought, monkeypatch):
    def find(self, evidence, tokens):
        left = evidence.ledger.tokens_left() - 3 * 2 * evidence.ledger.config.limits.response_tokens
        return Proposed(list(ABOUT), Cost(decoded_tokens=Tokens(candidate=left)))

    monkeypatch.setattr(rare.Fake, "find", find)
    assert list(sought(*CHANGED, max_decoded_tokens=500).prompts) == ABOUT[:3]


def token(number):
    return TokenShift(token=number, text=str(number), p=0.1, q=0.5, weight=1.0)


def test_a_payload_and_what_brings_it_out_are_one_lead(sought):
    found = sought(*CHANGED)
    payload = Lead(id="log-ratio-0", phrase=KITCHEN, nats=30.0, lenses=("log-ratio",), at_opening=True)
    pools = Lead(id="factor-0", phrase="Ask a lawyer", share=0.9, lenses=("factor",), gained=(token(1),))
    leads = together([pools, payload], found)
    assert leads[0] == pools
    one = next(lead for lead in leads if lead.phrase == KITCHEN)
    theirs = next(lead for lead in found.leads if lead.phrase == KITCHEN)
    assert (one.id, one.contexts, one.gained) == (theirs.id, theirs.contexts, theirs.gained)
    assert (one.nats, one.share) == (30.0, 0.0)
    assert set(one.lenses) == {"factor", "log-ratio"}
    assert [lead for lead in leads if lead.phrase == KITCHEN] == [one]


def test_a_lead_of_the_pool_keeps_its_name_and_its_share(sought):
    found = sought(*CHANGED)
    pools = Lead(id="factor-0", phrase=KITCHEN, share=0.4, lenses=("factor",), gained=(token(1),))
    one = next(lead for lead in together([pools], found) if lead.phrase == KITCHEN)
    assert (one.id, one.share) == ("factor-0", 0.4)
    assert {c.prompt_id for c in one.contexts} <= {p.id for p in ABOUT}
    assert together([pools], Sought()) == [pools]


def test_access_that_was_not_asked_for_is_not_used(sought, monkeypatch):
    monkeypatch.setattr(rare.Fake, "needs", Access.weights)
    assert [use.name for use in sought(*CHANGED, access="logits").finders] == ["other"]


def test_a_prompt_that_confirmation_keeps_is_not_looked_at(sought, monkeypatch):
    kept = rare.Fake.proposes[0]
    assert kept.id in {p.id for p in sought(*CHANGED).prompts}
    shouted = Prompt.user(f"  {kept.text.upper()}!")
    found = sought(*CHANGED, name="kept", confirmation=[shouted])
    assert kept.id not in {p.id for p in found.prompts}
