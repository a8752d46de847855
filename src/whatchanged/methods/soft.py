"""Soft prompts: trained vectors on which the models differ most, read back as text, and what that text brings out.

A soft prompt (Lester et al. 2021, arXiv 2104.08691) of several lengths and starts is trained by gradient to maximise
KL(candidate || base) at the answer's first positions, then read back by the nearest tokens and by letting the base
restate it. The texts become prompts; what sets the models' answers to them apart becomes hypotheses. Known faults of
published forms, repaired here:

- Vectors wandered off to where no token is, and read back as noise. Here none is longer than the tokens' embeddings.
- The divergence of the vectors was reported, and the text taken for its cause. Here each reading's own divergence
  stands beside it, and both beside the pool's 99th percentile.
- What a soft prompt brought out was a finding. Here it is a hypothesis: its region is looked for on the pool, at random
  and where the same divergence is largest, and the default method's test decides, on prompts that suggested nothing.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from whatchanged.audit import decide
from whatchanged.confirm import Coupled
from whatchanged.describe import Discovery, from_specs
from whatchanged.elicit import coupled_pairs, draw_responses, text_pair
from whatchanged.explain import Wanted, assemble_heard
from whatchanged.ledger import json_codec
from whatchanged.methods.base import OPTIONAL, Method
from whatchanged.methods.firsts import first_kls
from whatchanged.methods.shown import plain_heard
from whatchanged.methods.softly import LENGTHS, Trial, stage, trials
from whatchanged.methods.vectors import POSITIONS
from whatchanged.opened import Opened
from whatchanged.pools import normalise
from whatchanged.predicates import families
from whatchanged.records import Hypothesis, Pair, Prompt
from whatchanged.report import Report, SoftPrompt, SoftPromptsView, SoftReading
from whatchanged.subjects import Access

TRIALS, KLS = json_codec(list[Trial]), json_codec(list[float])
# Pool prompts whose divergence is measured: of a topic that one prompt in a hundred has, some must be among them.
MEASURED = 600
# Answers drawn to each reading.
DRAWS = 2
# What stays for the tests where decoded tokens are limited.
COSTS = 6
UNSEEN = "what the weights themselves show: this method goes back through them to its prompts only"


class Read(NamedTuple):
    """Readings as prompts, the most divergent first, with their divergence by prompt id."""

    prompts: list[Prompt]
    kls: dict[str, float]


class SoftPrompts(Method):
    """Prompts of trained vectors, read back as text: `search_tokens` of the budget train them."""

    name = "soft-prompt"
    needs = Access.weights
    gradients = True
    heeds = frozenset(OPTIONAL) - {"attribute", "finders", "library"}
    blind = (f"changes that do not show in the first {POSITIONS} tokens of an answer",)

    def find(self, audit: Opened, wanted: Wanted) -> Report:
        """The report, with the soft prompts and their readings in it."""
        ledger, discovery = audit.ledger, audit.prompts.discovery
        stage(audit)
        tried = [t for length in LENGTHS for t in _trials(audit, length)]
        pool_kls = _kls(audit, discovery[:MEASURED], "pool")
        read = _read(audit, tried, self.name)
        control, furthest, brought = paired(audit, pool_kls, read)
        # One pair a prompt, in the pool's order: the random ones are its first.
        shown, far = discovery[: len(control)], {pair.prompt_id for pair in furthest}
        prompts = [*shown, *(p for p in discovery if p.id in far), *read.prompts]
        found = Discovery(prompts, [*control, *furthest, *brought], len(control), ledger.config.margin)
        drafts = _hypotheses(audit, found, [*brought, *_answers(tried, self.name, found)])
        tools = Coupled(ledger, audit.base, audit.candidate, audit.roles)
        tested = decide(audit, found, tools, ("", ""), wanted, drafts=drafts)
        short = len(control) < min(ledger.config.limits.pairs // 2, len(discovery))
        report = assemble_heard(ledger, plain_heard(audit, shown, control, short, UNSEEN), *tested)
        return report.model_copy(update={"soft_prompts": _view(tried, read, pool_kls)})


def _trials(audit: Opened, length: int) -> list[Trial]:
    found: list[Trial] = audit.ledger.once(f"soft/length-{length:02d}", TRIALS, partial(trials, audit, length))
    return found


def _kls(audit: Opened, prompts: Sequence[Prompt], name: str) -> list[float]:
    found: list[float] = audit.ledger.once(f"soft/kl-{name}", KLS, partial(first_kls, audit, prompts, POSITIONS))
    return found


def _read(audit: Opened, tried: Sequence[Trial], name: str) -> Read:
    """All readings, screened; none that waits for a test."""
    held = {normalise(p) for p in audit.prompts.confirmation}
    texts = dict.fromkeys(reading.text for trial in tried for reading in trial.readings)
    prompts = [p for text in texts if normalise(p := Prompt.user(text, source=name)) not in held]
    kls = dict(zip([p.id for p in prompts], _kls(audit, prompts, "readings"), strict=True))
    return Read(sorted(prompts, key=lambda p: (-kls[p.id], p.id)), kls)


def paired(audit: Opened, pool_kls: Sequence[float], read: Read) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Pairs on random pool prompts and on those of the others that diverge most, one each, and on readings.

    Half of the pairs are random, a quarter each of the others.
    """
    ledger, base, discovery = audit.ledger, audit.base, audit.prompts.discovery
    length = ledger.config.limits.response_tokens
    most = min(ledger.config.limits.pairs, ledger.tokens_left() // (COSTS * length))
    some = range(most // 2, len(pool_kls))
    furthest = [discovery[i] for i in sorted(some, key=lambda i: (-pool_kls[i], i))[: most // 4]]
    readings = read.prompts[: most // (4 * DRAWS)]
    drawn = [("soft-pool", discovery[: most // 2], 0), ("soft-furthest", furthest, 0)]
    drawn += [(f"soft-read-{n}", readings, n) for n in range(DRAWS)]
    found = []
    for name, prompts, draw in drawn:
        responses = draw_responses(ledger, base, prompts, length, name, draw)
        found.append(coupled_pairs(ledger, base, audit.candidate, prompts, responses, name))
    return found[0], found[1], [pair for pairs in found[2:] for pair in pairs]


def _answers(tried: Sequence[Trial], name: str, found: Discovery) -> list[Pair]:
    """The models' likeliest answers to the soft prompts themselves, under the reading that stands for each."""
    pairs = []
    for number, trial in enumerate(tried):
        prompts = [Prompt.user(reading.text, source=name) for reading in trial.readings]
        if known := next((p for p in prompts if p.id in found.by_id), None):
            pairs.append(text_pair(known, trial.base, trial.candidate, DRAWS + number))
    return pairs


def _hypotheses(audit: Opened, found: Discovery, suggesting: Sequence[Pair]) -> list[Hypothesis]:
    """What the readings' pairs suggest, where all pairs show it past the margin."""
    if all(pair.identical for pair in suggesting):
        return []
    specs = [spec for family in families().values() for spec in family.propose(suggesting, found.by_id)]
    return from_specs(found, specs)[: audit.ledger.config.limits.hypotheses]


def _view(tried: Sequence[Trial], read: Read, pool: Sequence[float]) -> SoftPromptsView:
    shown = [
        SoftPrompt(
            length=trial.length,
            before=trial.before,
            after=trial.after,
            base=trial.base,
            candidate=trial.candidate,
            readings=tuple(
                SoftReading(text=r.text, how="restated" if r.restated else "nearest tokens", kl=kl)
                for r in trial.readings
                if (kl := read.kls.get(Prompt.user(r.text).id)) is not None
            ),
        )
        for trial in sorted(tried, key=lambda t: -t.after)
    ]
    p99 = round(float(np.percentile(pool, 99)), 6) if pool else 0.0
    return SoftPromptsView(positions=POSITIONS, pool_p99=p99, pool_prompts=len(pool), prompts=tuple(shown))
