"""Contrastive decoding: what does the candidate say once its difference from the base is amplified?

Texts are drawn from softmax(log q + a (log q - log p)) over the tokens that the candidate itself finds plausible
(contrastive decoding: Li et al. 2023, arXiv 2210.15097; DExperts: Liu et al. 2021, arXiv 2101.00133; between a model
and its tuned form: Aranguri and McGrath 2025), ranked by KL(q || p) along them. The prompts that set the models
furthest apart are grown into new ones by amplified user turns. Known faults of published forms, repaired here:

- Amplified texts were read as the candidate's. Here they are marked, describe and suggest only, and are no finding's
  example: a finding's rates are those of plain answers.
- How often the candidate does it unamplified was not said. Here importance weights estimate it, with an interval.
- What amplified texts suggest was not tested, or tested where it was seen. Here the default method's test decides, on
  prompts that suggested nothing.
"""

from dataclasses import replace

from whatchanged.audit import decide
from whatchanged.confirm import Coupled
from whatchanged.describe import Discovery
from whatchanged.elicit import coupled_pairs
from whatchanged.explain import Wanted, assemble_heard
from whatchanged.methods.amplify import PLAUSIBLE, Texts, texts
from whatchanged.methods.base import OPTIONAL, Method
from whatchanged.methods.plain import plain_rate, weigh
from whatchanged.methods.shown import amplified_view, plain_heard
from whatchanged.methods.spans import suggested
from whatchanged.methods.turns import grown
from whatchanged.opened import Opened
from whatchanged.records import Prompt, Response
from whatchanged.report import Report
from whatchanged.screen import Heard
from whatchanged.subjects import Access

# Of the discovery prompts: for amplified texts; the others are for rates. Of the texts: for the prompt search.
TELLING, SEARCHED = 2 / 3, 1 / 4
# What stays for the tests where decoded tokens are limited: each text takes at most three times its length.
COSTS = 6
UNSEEN = "the models' weights: this method looks at texts and next-token distributions"
MARKED = "Candidate texts in the pairs are drawn from amplified logits: what sets it apart, not what it says."


class ContrastiveDecoding(Method):
    """Amplified texts describe, plain answers test: `--texts` a model, half of them amplified."""

    name = "contrastive-decoding"
    needs = Access.logits
    draws_texts = True
    heeds = frozenset(OPTIONAL) - {"attribute", "finders", "library"}
    blind = (f"what the candidate says by tokens below {PLAUSIBLE:.0%} of its likeliest: they are never drawn",)

    def find(self, audit: Opened, wanted: Wanted) -> Report:
        """The report, with the amplified texts, their tokens, and each claim's plain rate in it."""
        ledger, base, candidate = audit.ledger, audit.base, audit.candidate
        config, discovery = ledger.config, audit.prompts.discovery
        asked = config.texts or config.limits.method_texts
        count = min(asked, ledger.tokens_left() // (COSTS * config.limits.response_tokens))
        cut = round(len(discovery) * TELLING)
        told, searched = count // 2, round(count // 2 * SEARCHED)
        pool = texts(audit, discovery[:cut], told - searched, "pool")
        made = grown(audit, pool, searched, self.name)
        shown = _heard(audit, pool, asked, count)
        weighed = weigh(audit, discovery[cut:], count - told)
        every = pool.plus(made)
        found = Discovery(every.prompts, every.pairs, len({p.id for p in pool.prompts}), config.margin)
        tools, drafts = Coupled(ledger, base, candidate, audit.roles), suggested(audit, found, every)
        tested = decide(audit, found, tools, (MARKED, ""), wanted, drafts=drafts)
        by_id = {p.id: p for p in discovery}
        rates = [plain_rate(f, weighed, by_id, candidate, config.alpha) for f in tested.findings]
        view = amplified_view(audit, pool, made, rates)
        return assemble_heard(ledger, shown, *tested).model_copy(update={"amplified": view})


def _heard(audit: Opened, pool: Texts, asked: int, count: int) -> Heard:
    """Plain pairs on the prompts that were amplified: what the report shows as examples, and compares."""
    ledger = audit.ledger
    first: dict[str, tuple[Prompt, Response]] = {}
    for prompt, response in zip(pool.prompts, pool.base, strict=True):
        first.setdefault(prompt.id, (prompt, response))
    prompts, responses = [p for p, _ in first.values()], [r for _, r in first.values()]
    most = min(ledger.config.limits.pairs, ledger.tokens_left() // (COSTS * ledger.config.limits.response_tokens))
    pairs = coupled_pairs(ledger, audit.base, audit.candidate, prompts[:most], responses[:most], "plain")
    told = plain_heard(audit, prompts, pairs, count < asked, UNSEEN)
    return replace(told, limits=(f"what {count // 2} amplified texts do not show", *told.limits))
