"""Base responses: drawn once per base model, the same whoever asks."""

import pytest
from words import KITCHEN, Plant, WordSubject, prompts_about

from whatchanged.elicit import draw_responses
from whatchanged.ledger import ResponseCache
from whatchanged.records import Tokens

PROMPTS = prompts_about()[:70]  # two chunks
LENGTH = 6


def draw(ledger, subject, prompts=PROMPTS, **rest):
    return draw_responses(ledger, subject, prompts, LENGTH, "screen", **rest)


def test_a_response_a_prompt_in_order(new_ledger):
    subject, ledger = WordSubject(), new_ledger()
    responses = draw(ledger, subject)
    assert [r.prompt_id for r in responses] == [p.id for p in PROMPTS]
    for r in responses:
        assert r.text == subject.detokenize(r.tokens)
        assert r.finished is (r.end is not None)
        assert len(r.drawn) == LENGTH or r.finished
        assert 0 not in r.tokens
    assert {r.finished for r in responses} == {True, False}
    assert ledger.cost.decoded_tokens == Tokens(base=sum(len(r.drawn) for r in responses))
    assert subject.sampled == ledger.cost.decoded_tokens.base


def test_another_audit_of_the_same_base_decodes_nothing(new_ledger):
    first = draw(new_ledger("first"), WordSubject())
    again, ledger = WordSubject(), new_ledger("second")
    assert draw(ledger, again) == first
    assert ledger.cost.decoded_tokens == Tokens(reused=sum(len(r.drawn) for r in first))
    assert again.sampled == 0


def test_the_ledger_is_asked_before_the_cache(new_ledger, monkeypatch):
    """A resumed run must not find its own work in the cache and call it reused."""
    first = draw(new_ledger(), WordSubject())
    resumed = new_ledger()
    assert draw(resumed, WordSubject()) == first
    assert resumed.cost.decoded_tokens.reused == 0 < resumed.cost.decoded_tokens.base


def test_the_cache_is_filled_only_after_the_ledger_has_it(new_ledger, monkeypatch):
    """Killed while the step is written: on resume the tokens still count as drawn."""

    def killed(self, key, value):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("whatchanged.ledger.run.Ledger._note", lambda *args: killed(*args[:3]))
        with pytest.raises(KeyboardInterrupt):
            draw(new_ledger(), WordSubject())
    assert not list(ResponseCache().folder.rglob("*.json"))
    with monkeypatch.context() as patch:
        patch.setattr(ResponseCache, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            draw(new_ledger(), WordSubject())
    resumed = new_ledger()
    responses = draw(resumed, WordSubject())
    assert resumed.cost.decoded_tokens == Tokens(base=sum(len(r.drawn) for r in responses))


@pytest.mark.parametrize("setting", [{"seed": 1}, {"temperature": 0.7}])
def test_other_settings_get_other_responses(new_ledger, setting):
    first = draw(new_ledger("first"), WordSubject())
    other = new_ledger("other", **setting)
    assert draw(other, WordSubject()) != first
    assert other.cost.decoded_tokens.reused == 0


def test_other_models_lengths_and_draws_share_nothing(new_ledger):
    draw(new_ledger("first"), WordSubject())
    other = new_ledger("other")
    draw(other, WordSubject(Plant(KITCHEN, 0.5)))
    longer = new_ledger("longer")
    draw_responses(longer, WordSubject(), PROMPTS, LENGTH + 1, "screen")
    second = new_ledger("second")
    responses = draw(second, WordSubject(), draw=1)
    assert {r.draw for r in responses} == {1}
    assert [x.cost.decoded_tokens.reused for x in (other, longer, second)] == [0, 0, 0]


def test_a_response_does_not_depend_on_the_others(new_ledger):
    together = draw(new_ledger("together"), WordSubject())
    alone = draw(new_ledger("alone"), WordSubject(), PROMPTS[40:41])
    assert alone == together[40:41]
