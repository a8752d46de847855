"""Auto-interventions: sample, cluster prompt-aligned, label contrastively, validate, test, diversify, summarise.

The recipe of the exhaustive family: hundreds of thousands of texts of both models, clusters of prompts in which both
models' texts stand side by side, a label for what sets the two apart in each, a check that the label tells the models
apart on other texts, a test, and a false discovery rate over all labels. Known faults of published forms, repaired
here:

- Labels were validated and tested on prompts that had suggested them. Here prompts for describing, for validating and
  for testing are three disjoint sets.
- A judge decided whether a text satisfies a label. Here labels are executable predicates (a reasoner's too), so no
  judge errs; only a rubric needs one.
- Streams were filtered in ways that never spent wealth. Here BH, or SAFFRON and ADDIS with prompts of its own for
  every hypothesis, since they need independence.
- Changes that show weakly in every cluster were lost. Here all pairs together are labelled as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from whatchanged.describe import Discovery, from_specs
from whatchanged.endpoints import LanguageModel
from whatchanged.explain import Wanted
from whatchanged.ledger import json_codec
from whatchanged.methods.base import OPTIONAL, Method
from whatchanged.methods.embed import Embedded, embed
from whatchanged.methods.fixed import Campaign, conclude, decide_all, instruments, recorded
from whatchanged.methods.groups import group
from whatchanged.methods.texts import Sampled, sample
from whatchanged.opened import Opened
from whatchanged.predicates import families, load
from whatchanged.records import Cost, Hypothesis, Pair, PredicateSpec
from whatchanged.report import Report
from whatchanged.report.numbers import plural
from whatchanged.roles import Proposal, evidence_text, reason, to_hypotheses
from whatchanged.subjects import stream_key

LABELS = json_codec(list[int])
SPECS = json_codec(list[PredicateSpec])
PROPOSALS = json_codec(list[Proposal])
# One prompt in three validates, the others test.
VALIDATING = 3
# A label must be right about which text is the candidate's more often than a coin, where it says anything.
BETTER_THAN = 0.5
UNSEEN = "the models' weights and next-token distributions: this method looks at texts"


class AutoInterventions(Method):
    """Labels of clusters of prompts, tested on a fixed sample: `--texts` of them a model."""

    name = "auto-interventions"
    draws_texts = True
    heeds = frozenset(OPTIONAL) - {"attribute", "finders", "library"}
    blind = ("changes that no cluster's pairs made a predicate family or a reasoner propose",)

    def find(self, audit: Opened, wanted: Wanted) -> Report:
        """The report of what survived validation and was tested."""
        drawn = sample(audit)
        if not (drawn.describing and drawn.testing):
            return conclude(Campaign(audit, {}, 0), drawn, [], wanted, UNSEEN)
        found = Discovery(drawn.described, drawn.describing, len(drawn.described), audit.ledger.config.margin)
        hypotheses = _hypotheses(audit, found, _clusters(audit, drawn, embed(audit, drawn)))
        validating, testing = _halves(audit, drawn.testing)
        kept = [h for h in hypotheses if discriminates(h, validating, drawn)]
        campaign = Campaign(audit, recorded(testing, drawn.prompts), len(kept))
        findings = decide_all(campaign, instruments(campaign), kept)
        report = conclude(campaign, drawn, findings, wanted, UNSEEN)
        notes = _dropped([h.id for h in hypotheses if h not in kept])
        return report.model_copy(update={"not_looked_at": (*report.not_looked_at, *notes)})


def discriminates(hypothesis: Hypothesis, pairs: Sequence[Pair], drawn: Sampled) -> bool:
    """Whether the claim tells which text of a pair is the candidate's, on pairs that did not suggest it.

    Rubrics pass: reading them is the judge's, and the test's.
    """
    if hypothesis.predicate.family == "judged":
        return True
    predicate = load(hypothesis.predicate)
    inside = [(p, drawn.prompts[p.prompt_id]) for p in pairs]
    gaps = np.array(
        [
            predicate.score(pair.candidate.text, prompt) - predicate.score(pair.base.text, prompt)
            for pair, prompt in inside
            if hypothesis.region.contains(prompt)
        ]
    )
    said = gaps[gaps != 0]
    return bool(len(said) and (hypothesis.sign * said > 0).mean() > BETTER_THAN)


def _clusters(audit: Opened, drawn: Sampled, embedded: Embedded) -> list[list[Pair]]:
    """Pairs of prompts on which both models' texts are alike, cluster by cluster, and all pairs together."""
    config = audit.ledger.config

    def work() -> tuple[list[int], Cost]:
        both = np.concatenate(embedded.describing, axis=1)
        return group(both, "k-means", config.seed).of(both).tolist(), Cost()

    labels = audit.ledger.once("cluster/prompts", LABELS, work)
    numbers = range(1 + max(labels))
    parts = [[p for p, own in zip(drawn.describing, labels, strict=True) if own == n] for n in numbers]
    return [*parts, drawn.describing]


def _hypotheses(audit: Opened, found: Discovery, clusters: Sequence[Sequence[Pair]]) -> list[Hypothesis]:
    """What the embedded labeller and the reasoner say of the clusters, diversified, and what the other roles add.

    Near-duplicates, by the pairs that satisfy them, are merged before anything is tested: that costs no power.
    """

    def work() -> tuple[list[PredicateSpec], Cost]:
        return [spec for pairs in clusters for spec in _labels(pairs, found)], Cost()

    specs: list[PredicateSpec] = audit.ledger.once("label/embedded", SPECS, work)
    own = from_specs(found, specs)[: audit.ledger.config.limits.hypotheses]
    reasoner = audit.roles.reasoner
    proposed = [] if reasoner is None else _reasoned(audit, reasoner, found, clusters)
    # The reasoner has spoken, cluster by cluster; rubrics, self-report and critic are as in the default method.
    others = replace(audit.roles, reasoner=None)
    return others.consult(found, [*own, *proposed], subjects=(audit.base, audit.candidate))


def _labels(pairs: Sequence[Pair], found: Discovery) -> list[PredicateSpec]:
    if all(pair.identical for pair in pairs):
        return []
    return [spec for family in families().values() for spec in family.propose(pairs, found.by_id)]


def _reasoned(
    audit: Opened, model: LanguageModel, found: Discovery, clusters: Sequence[Sequence[Pair]]
) -> list[Hypothesis]:
    """One question a cluster, in the default method's words; equal claims are one."""
    limits, seed = audit.ledger.config.limits, audit.ledger.config.seed

    def ask(pairs: Sequence[Pair]) -> tuple[list[Proposal], Cost]:
        prompts = {pair.prompt_id: found.by_id[pair.prompt_id] for pair in pairs}
        evidence = evidence_text((), pairs, prompts, judge=audit.roles.judge is not None)
        came = reason(model, evidence, (), seed)
        return came.proposals, came.usage

    said: dict[str, Proposal] = {}
    for number, pairs in enumerate(clusters):
        for proposal in audit.ledger.once(f"label/reasoner-{number:02d}", PROPOSALS, partial(ask, pairs)):
            said.setdefault(proposal.sentence, proposal)
    audit.roles.did["reasoner"] = [f"labelled {len(clusters)} clusters with {len(said)} hypotheses"]
    return to_hypotheses(list(said.values())[: limits.hypotheses], found.margin, "r")


def _halves(audit: Opened, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Pairs for validating and for testing, no prompt in both."""
    seed = audit.ledger.config.seed
    validates = {p.prompt_id: stream_key("validate", seed, p.prompt_id) % VALIDATING == 0 for p in pairs}
    first, rest = ([p for p in pairs if validates[p.prompt_id] == yes] for yes in (True, False))
    return first, rest


def _dropped(ids: Sequence[str]) -> list[str]:
    what = plural(len(ids), "hypothesis that", "hypotheses that")
    return [f"{what} did not tell the models apart on validation prompts: {', '.join(ids)}"] if ids else []
