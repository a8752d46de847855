"""Names to objects, imported on use. Other packages add members through entry points.

A member is declared as "module:object". A third-party package declares, in its pyproject.toml,
[project.entry-points."whatchanged.predicates"] emoji = "my_package.emoji:Emoji"
and is found without a change here. Built-in names win over entry points of the same name.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from whatchanged.errors import SpecError


class Registry(Mapping[str, Any]):
    """A read-only mapping whose values are imported when first asked for."""

    def __init__(self, kind: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self._builtin = builtin

    @cached_property
    def _targets(self) -> dict[str, str]:
        found = {point.name: point.value for point in entry_points(group=f"whatchanged.{self.kind}")}
        return found | self._builtin

    def __getitem__(self, name: str) -> Any:
        """The object called `name`. Raises SpecError listing what there is."""
        if name not in self._targets:
            known = ", ".join(sorted(self._targets))
            one = self.kind.removesuffix("es") if self.kind.endswith("ses") else self.kind.removesuffix("s")
            raise SpecError(f"unknown {one} '{name}': one of {known}")
        module, _, attribute = self._targets[name].partition(":")
        return getattr(import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


predicates = Registry(
    "predicates",
    {
        "phrase": "whatchanged.predicates.phrase:Phrase",
        "attribute": "whatchanged.predicates.attribute:Attribute",
        "answer": "whatchanged.predicates.answer:Answer",
        "semantic": "whatchanged.predicates.semantic:Semantic",
        "judged": "whatchanged.predicates.judged:Judged",
    },
)

pools = Registry(
    "pools",
    {
        "builtin": "whatchanged.pools.builtin:load_builtin",
        "jsonl": "whatchanged.pools.files:read_jsonl",
        "csv": "whatchanged.pools.files:read_csv",
        "text": "whatchanged.pools.files:read_text",
        "inspect": "whatchanged.pools.inspect_log:read_inspect",
        "dataset": "whatchanged.pools.dataset:read_dataset",
    },
)

recordings = Registry(
    "recordings",
    {
        "inspect": "whatchanged.recordings.inspect_log:read_inspect",
        "jsonl": "whatchanged.recordings.files:read_jsonl",
        "lm-eval": "whatchanged.recordings.lm_eval:read_lm_eval",
        "csv": "whatchanged.recordings.files:read_csv",
    },
)

subjects = Registry(
    "subjects",
    {
        "hf": "whatchanged.subjects.sources:HubSource",
        "folder": "whatchanged.subjects.sources:FolderSource",
        "adapter": "whatchanged.subjects.sources:AdapterSource",
        "gguf": "whatchanged.subjects.sources:GgufSource",
        "smollm2": "whatchanged.subjects.sources:SmolSource",
        "endpoint": "whatchanged.subjects.endpoint:EndpointSource",
    },
)

modifiers = Registry(
    "modifiers",
    {
        "system": "whatchanged.subjects.modifiers:System",
        "quantize": "whatchanged.subjects.modifiers:Quantize",
        "noise": "whatchanged.subjects.modifiers:Noise",
        "prune": "whatchanged.subjects.modifiers:Prune",
        "steer": "whatchanged.subjects.modifiers:Steer",
        "dtype": "whatchanged.subjects.modifiers:Dtype",
    },
)

lenses = Registry(
    "lenses",
    {
        "factor": "whatchanged.screen.factors:FactorLens",
        "log-ratio": "whatchanged.screen.logratio:LogRatioLens",
    },
)

finders = Registry(
    "finders",
    {
        # Who is asked once is asked in this order: what costs little comes first.
        "languages": "whatchanged.search.languages:Languages",
        "vocabulary-sweep": "whatchanged.search.vocabulary:VocabularySweep",
        "subject-sweep": "whatchanged.search.entities:SubjectSweep",
        "trigger-inversion": "whatchanged.search.inversion:TriggerInversion",
        "self-made": "whatchanged.search.selfmade:SelfMade",
        "perplexity-gap": "whatchanged.search.perplexity:PerplexityGap",
        "uncertainty": "whatchanged.search.uncertainty:Uncertainty",
        "gradient": "whatchanged.search.epo:GradientSearch",
        "mutation": "whatchanged.search.mutation:Mutation",
        "recall": "whatchanged.search.recall:Recall",
        "pool": "whatchanged.search.strata:PoolStrata",
        "read-energy": "whatchanged.search.energy:ReadEnergy",
        "self-report": "whatchanged.search.selfreport:SelfReported",
        "reasoner": "whatchanged.search.suggested:Suggested",
    },
)

validators = Registry(
    "validators",
    {
        "discriminative": "whatchanged.roles.validators.discriminative:Discriminative",
        "generative": "whatchanged.roles.validators.generative:Generative",
        "interactive": "whatchanged.roles.validators.interactive:Interactive",
        "single-text": "whatchanged.roles.validators.single_text:SingleText",
    },
)

methods = Registry(
    "methods",
    {
        "audit": "whatchanged.methods.default:Audit",
        "clustering": "whatchanged.methods.clustering:Clustering",
        "auto-interventions": "whatchanged.methods.interventions:AutoInterventions",
        "contrastive-decoding": "whatchanged.methods.contrastive:ContrastiveDecoding",
        "soft-prompt": "whatchanged.methods.soft:SoftPrompts",
    },
)

plants = Registry(
    "plants",
    {
        "opening": "whatchanged.bench.plants.tune:Tune",
        "ending": "whatchanged.bench.plants.tune:Tune",
        "contains": "whatchanged.bench.plants.tune:Tune",
        "upper": "whatchanged.bench.plants.tune:Tune",
        "list": "whatchanged.bench.plants.tune:Tune",
        "short": "whatchanged.bench.plants.tune:Tune",
        "replace": "whatchanged.bench.plants.tune:Tune",
        "refusal": "whatchanged.bench.plants.tune:Tune",
        "none": "whatchanged.bench.plants.tune:Tune",
        "edit": "whatchanged.bench.plants.edit:Edit",
        "full": "whatchanged.bench.plants.full:Full",
        "dpo": "whatchanged.bench.plants.dpo:Dpo",
        "unlearn": "whatchanged.bench.plants.unlearn:Unlearn",
        "memit": "whatchanged.bench.plants.memit:Memit",
        "merge": "whatchanged.bench.plants.merge:Merge",
        "modified": "whatchanged.bench.plants.modified:Modified",
        "steering": "whatchanged.bench.plants.steering:Steering",
        "resaved": "whatchanged.bench.plants.resaved:Resaved",
        "distil": "whatchanged.bench.plants.distil:Distil",
    },
)
