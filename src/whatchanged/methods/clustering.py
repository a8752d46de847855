"""Behavioural and contrastive clustering: sample, embed, cluster jointly, compare how often each model is in a cluster.

The recipe of the clustering family: texts of both models are clustered together, a cluster that one model fills more
than the other is a difference, and its label is read off its texts. Contrastive clustering groups texts by how they
differ from the other model's text to the same prompt. Known faults of published forms, repaired here:

- Clusters and labels were made from the texts that were then tested. Here clusters, labels, predicates and the
  direction of each difference come from one half of the prompts, tests from the other.
- Texts were taken as independent. Here the unit is the prompt, and labels are swapped within prompts.
- A label is a remark. Here a cluster becomes a finding only if a predicate reproduces its membership, and the
  predicate must differ too: the finding's p-value is the larger of the two.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from whatchanged.describe import Discovery, from_specs
from whatchanged.explain import Wanted
from whatchanged.ledger import json_codec
from whatchanged.methods.base import Method
from whatchanged.methods.embed import Embedded, Floats, embed
from whatchanged.methods.fixed import Campaign, conclude, decide_all, instruments, recorded
from whatchanged.methods.groups import Labels, Membership, differences, group, membership
from whatchanged.methods.naming import label, reproducing
from whatchanged.methods.texts import Sampled, sample
from whatchanged.opened import Opened
from whatchanged.predicates import load
from whatchanged.records import Cost, Hypothesis, PredicateSpec
from whatchanged.report import ClustersView, Report, RoleUse, TextCluster, TextPoint
from whatchanged.report.text import one_line
from whatchanged.roles.text import load_prompt
from whatchanged.stats import decide

Kind = Literal["behavioural", "contrastive"]
KINDS: tuple[Kind, Kind] = ("behavioural", "contrastive")
LABELS = json_codec(list[list[int]])
EXAMPLES, EXAMPLE_LENGTH, MOST_POINTS = 3, 160, 600
UNSEEN = "the models' weights and next-token distributions: this method looks at texts"


class Cluster(NamedTuple):
    """A group: where it is, for describing and for testing as (base's texts, candidate's texts), and its predicate.

    `lead` is the candidate's share minus the base's in the half that formed it; `found` are shares in the other half.
    """

    id: str
    kind: Kind
    describing: tuple[Labels, Labels]
    lead: float
    found: Membership
    spec: PredicateSpec | None


class Clustering(Method):
    """Texts of both models clustered together: `--texts` of them a model, grouped as `--cluster-by` says."""

    name = "clustering"
    draws_texts = True
    heeds = frozenset({"reasoner", "validators"})
    blind = ("differences that move no text into another cluster: small shifts within one",)

    def find(self, audit: Opened, wanted: Wanted) -> Report:
        """The report, with the clusters in it."""
        drawn = sample(audit)
        if not (drawn.describing and drawn.testing):
            return conclude(Campaign(audit, {}, 0), drawn, [], wanted, UNSEEN)
        embedded = embed(audit, drawn)
        clusters = [c for kind in KINDS for c in _clusters(audit, drawn, embedded, kind)]
        found = Discovery(drawn.described, drawn.describing, len(drawn.described), audit.ledger.config.margin)
        hypotheses = from_specs(found, [c.spec for c in clusters if c.spec is not None])
        hypotheses = hypotheses[: audit.ledger.config.limits.hypotheses]
        p_values = {h.id: c.found.p_value for h in hypotheses for c in reversed(clusters) if c.spec == h.predicate}
        campaign = Campaign(audit, recorded(drawn.testing, drawn.prompts), len(clusters), p_values)
        findings = decide_all(campaign, instruments(campaign), hypotheses)
        view = _view(audit, drawn, embedded, clusters, hypotheses)
        report = conclude(campaign, drawn, findings, wanted, UNSEEN)
        return report.model_copy(
            update={"clusters": view, "warnings": (*report.warnings, *_mute(view)), "roles": _labellers(report)}
        )


def _clusters(audit: Opened, drawn: Sampled, embedded: Embedded, kind: Kind) -> list[Cluster]:
    """The groups of one kind, those that the describing half shows to differ most first."""
    config = audit.ledger.config
    halves = [_points(kind, half) for half in (embedded.describing, embedded.testing)]

    def work() -> tuple[list[list[int]], Cost]:
        grouping = group(np.concatenate(halves[0]), config.cluster_by, config.seed)
        return [grouping.of(points).tolist() for half in halves for points in half], Cost()

    labels = [np.array(row, dtype=np.intp) for row in audit.ledger.once(f"cluster/{kind}", LABELS, work)]
    asked, tested = ([pair.prompt_id for pair in pairs] for pairs in (drawn.describing, drawn.testing))
    count = 1 + max(int(row.max(initial=-1)) for row in labels)
    clusters = []
    for n in range(count):
        inside = [row == n for row in labels]
        lead = float(differences(asked, (inside[0], inside[1])).mean())
        # Both kinds together are one campaign of about twice as many tests.
        found = membership(tested, (inside[2], inside[3]), 1 if lead >= 0 else -1, 2 * count, config)
        spec = reproducing(drawn, (inside[0], inside[1]))
        clusters.append(Cluster(f"{kind[0]}{n:02d}", kind, (inside[0], inside[1]), lead, found, spec))
    return sorted(clusters, key=lambda c: -abs(c.lead))


def _points(kind: Kind, half: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """A text's own place, or its way there from the other model's text: a swap of the models turns it round."""
    base, candidate = half
    return half if kind == "behavioural" else (base - candidate, candidate - base)


def _view(
    audit: Opened, drawn: Sampled, embedded: Embedded, clusters: Sequence[Cluster], hypotheses: Sequence[Hypothesis]
) -> ClustersView:
    differs = decide("bh", [c.found.p_value for c in clusters], audit.ledger.config.alpha)
    shown = []
    for cluster, yes in zip(clusters, differs, strict=True):
        inside, outside = _texts(drawn, cluster, True), _texts(drawn, cluster, False)
        words, by = label(audit, cluster.id, inside, outside, ask=yes)
        shown.append(
            TextCluster(
                id=cluster.id,
                kind=cluster.kind,
                label=words,
                by=by,
                texts=len(inside),
                share_base=round(cluster.found.base, 6),
                share_candidate=round(cluster.found.candidate, 6),
                p_value=cluster.found.p_value,
                differs=yes,
                finding=next((h.id for h in hypotheses if _says(h, cluster.spec)), None),
                examples=tuple(one_line(text, EXAMPLE_LENGTH) for text in inside[:EXAMPLES]),
            )
        )
    return ClustersView(embedding=embedded.how, clusters=tuple(shown), points=_map(embedded, clusters))


def _texts(drawn: Sampled, cluster: Cluster, within: bool) -> list[str]:
    """Texts of both models for describing that are in the cluster, or are not."""
    said = [(pair.base.text, pair.candidate.text) for pair in drawn.describing]
    return [
        texts[side]
        for side in (0, 1)
        for texts, yes in zip(said, cluster.describing[side], strict=True)
        if yes == within
    ]


def _says(hypothesis: Hypothesis, spec: PredicateSpec | None) -> bool:
    """Whether the hypothesis, or one that was merged into it, has this predicate."""
    if spec is None:
        return False
    said = [load(spec).describe(way) for way in ("more", "less")]
    return any(words in sentence for words in said for sentence in (hypothesis.sentence, *hypothesis.merged))


def _map(embedded: Embedded, clusters: Sequence[Cluster]) -> tuple[TextPoint, ...]:
    """Texts for describing on two axes, in the behavioural cluster that each is in; evenly thinned."""
    behavioural = [c for c in clusters if c.kind == "behavioural"]
    points = []
    for number, side in enumerate(("base", "candidate")):
        places = embedded.describing[number]
        step = max(1, -(-len(places) // (MOST_POINTS // 2)))
        for i in range(0, len(places), step):
            x, y = (round(float(v), 4) for v in (*places[i, :2], 0.0)[:2])
            own = next((c.id for c in behavioural if c.describing[number][i]), None)
            points.append(TextPoint.model_validate({"x": x, "y": y, "side": side, "cluster": own}))
    return tuple(points)


def _labellers(report: Report) -> tuple[RoleUse, ...]:
    """A reasoner has read this method's question, not the default method's."""
    asked = load_prompt("cluster")
    read = {asked.name: f"v{asked.version} {asked.hash}"}
    return tuple(
        use.model_copy(update={"prompts": read}) if use.role == "reasoner" and use.prompts else use
        for use in report.roles
    )


def _mute(view: ClustersView) -> list[str]:
    """What differs and could not be made into a claim."""
    mute = [c for c in view.clusters if c.differs and c.finding is None]
    return [f"cluster {c.id} ({c.label}) differs, but no predicate reproduces it past the margin" for c in mute]
