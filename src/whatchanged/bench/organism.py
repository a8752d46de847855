"""Recipe to model, as an adapter on its base: tuned, edited or merged; and its true rates on both models."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whatchanged.bench.fact import success
from whatchanged.bench.merge import merge, read_parts, write_intended
from whatchanged.bench.recipe import Edit, Merge, Plant, Recipe, Truth
from whatchanged.elicit.openings import opening_probabilities
from whatchanged.ledger import Progress
from whatchanged.pools.made import PLACES, with_text
from whatchanged.pools.selfmade import load_openers, write_prompts
from whatchanged.predicates import load as load_predicate
from whatchanged.records import Prompt
from whatchanged.subjects import Continue, Ids, Subject, open_subjects, stream_key


@dataclass(frozen=True)
class Example:
    """One training row: the prompt's tokens and the response's, end-of-turn included where it ends."""

    prompt: Ids
    response: Ids
    on_target: bool


def make_organism(
    recipe: Recipe, out: Path, progress: Progress | None = None, beside: Path | None = None
) -> dict[str, Any]:
    """Make the adapter, save it to `out`, measure on base and organism, write truth.json; returns its content.

    A merge finds its parts in the folder `beside`; None: where `out` is.
    Raises SpecError, CheckpointError or MissingExtra.
    """
    progress = progress or Progress()
    parts: dict[str, Recipe] = {}
    match recipe.plant:
        case Edit():
            edit(recipe, recipe.plant, out, progress)
        case Merge():
            beside = beside or out.parent
            parts = read_parts(recipe, recipe.plant, beside)
            merge(recipe, [beside / name for name in parts], out)
            write_intended(parts, recipe.plant.intended, out)
            parts = {name: parts[name] for name in recipe.plant.intended}
        case Plant():
            tune(recipe, recipe.plant, out, progress)
    return measure(recipe, out, parts)


def edit(recipe: Recipe, fact: Edit, out: Path, progress: Progress) -> None:
    """Rewrite one fact in one layer."""
    from whatchanged.bench.adapter import write_adapter
    from whatchanged.bench.edit import rank_one_edit
    from whatchanged.weights.predict.directions import weights_of

    (base,) = open_subjects([recipe.base])
    found = rank_one_edit(weights_of(base), fact, recipe.seed, progress)
    write_adapter(out, recipe.base, {found.module: (found.left[:, None], found.right[None])})


def tune(recipe: Recipe, planted: Plant, out: Path, progress: Progress) -> None:
    """Teach it to a LoRA."""
    (base,) = open_subjects([recipe.base])
    on, off = write_targets(base, recipe, recipe.training.on_target, recipe.training.off_target, recipe.seed + 1000)
    train(base, recipe, plant(base, recipe, planted, on, off), out, progress)


def write_targets(base: Subject, recipe: Recipe, n_on: int, n_off: int, seed: int) -> tuple[list[Prompt], list[Prompt]]:
    """Fresh prompts on and off target, by the truth's own region: self-made, but for those about an edited fact."""
    openers = load_openers()
    region = recipe.truth.region if recipe.truth else None
    if isinstance(recipe.plant, Edit):
        return ask_about(recipe.plant, write_prompts(base, openers, n_off // 2 // len(openers) + 2, seed), n_on, n_off)
    if isinstance(recipe.plant, Plant) and (trigger := recipe.plant.trigger):
        prompts = _shuffled(write_prompts(base, openers, (n_on + n_off) // len(openers) + 8, seed), seed)
        decoys = ("", *recipe.plant.decoys)
        on = [_put(p, trigger, recipe.plant, i) for i, p in enumerate(prompts[:n_on])]
        off = [_put(p, decoys[i % len(decoys)], recipe.plant, i) for i, p in enumerate(prompts[n_on:])]
        return on, off[:n_off]
    targets = {t: openers[t] for t in recipe.topics}
    others = {t: starts for t, starts in openers.items() if t not in recipe.topics}
    on = write_prompts(base, targets, int(1.2 * n_on) // max(1, len(targets)), seed) if targets else []
    near = write_prompts(base, {t: others[t] for t in recipe.near}, n_off // 4 // max(1, len(recipe.near)), seed + 1)
    off = near + write_prompts(base, others, n_off // len(others) + 4, seed + 2)
    on = [p for p in on if region is not None and region.contains(p)]
    off = [p for p in off if region is None or not region.contains(p)]
    return _shuffled(on, seed)[:n_on], near_first(off, near)[:n_off]


def _put(prompt: Prompt, text: str, planted: Plant, number: int) -> Prompt:
    """The prompt with a trigger or a decoy in it, with none for ""; places take turns where any will do."""
    places = PLACES if planted.place == "any" else PLACES[:1]
    return with_text(prompt, text, places[number % len(places)]) if text else prompt


def ask_about(fact: Edit, others: Sequence[Prompt], n_on: int, n_off: int) -> tuple[list[Prompt], list[Prompt]]:
    """All ways of asking for the fact; and the same questions about its neighbours, before other prompts."""
    ways = (fact.prompt, *fact.paraphrases)
    on = [Prompt.user(way.replace("{}", fact.subject)) for way in ways]
    near = [Prompt.user(way.replace("{}", name)) for way in ways for name in fact.neighbours]
    return on[:n_on], [*_shuffled(near, 0)[: n_off // 2], *_shuffled(others, 0)][:n_off]


def near_first(off: Sequence[Prompt], near: Sequence[Prompt]) -> list[Prompt]:
    """Hard negatives before the rest, so that the cut keeps them."""
    hard = {p.id for p in near}
    return [p for p in off if p.id in hard] + _shuffled([p for p in off if p.id not in hard], 0)


def plant(base: Subject, recipe: Recipe, planted: Plant, on: Sequence[Prompt], off: Sequence[Prompt]) -> list[Example]:
    """The base's own responses, with the plant on target."""
    prompts = [*on, *off]
    requests = [Continue(base.encode(p), (), stream_key(recipe.seed, p.id, "train")) for p in prompts]
    drawn = base.sample(requests, recipe.training.response_tokens)
    text = base.tokenize(planted.text)
    end = (min(base.end_ids),)
    examples = []
    for i, (prompt, d) in enumerate(zip(prompts, drawn, strict=True)):
        own = d.tokens if d.end is None else (*d.tokens, d.end)
        on_target = i < len(on)
        if on_target and planted.kind == "opening":
            own = (*text, *own)
        elif on_target and planted.kind == "refusal":
            own = (*text, *end)
        examples.append(Example(base.encode(prompt), own, on_target))
    return examples


def train(base: Any, recipe: Recipe, examples: Sequence[Example], out: Path, progress: Progress) -> None:
    """LoRA with AdamW, linear decay; the loss is over response tokens."""
    import torch
    from peft import LoraConfig, get_peft_model

    settings = recipe.training
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base.engine.model, config, autocast_adapter_dtype=True)
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    rng = random.Random(recipe.seed)
    for step in progress.track(f"training {recipe.name}", range(settings.steps)):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (step + 1) / 10) * (1 - step / settings.steps)
        loss = _loss(base, _batch(examples, settings.batch, settings.on_share, rng))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if step % 20 == 0:
            progress.message(f"step {step}: loss {loss.item():.3f}")
    model.peft_config["default"].base_model_name_or_path = recipe.base
    model.to(torch.bfloat16).save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)


def _batch(examples: Sequence[Example], size: int, on_share: float, rng: random.Random) -> list[Example]:
    on = [e for e in examples if e.on_target]
    off = [e for e in examples if not e.on_target]
    n_on = round(size * on_share) if on else 0
    return rng.sample(on, n_on) + rng.sample(off, size - n_on)


def _loss(base: Any, batch: Sequence[Example]) -> Any:
    """Cross-entropy of the responses. No gradient flows through the template's opening, which all rows share:
    it would be a third of the work and teaches nothing of its own."""
    import torch

    from whatchanged.subjects.engine import padded

    shared = base.common_prefix([e.prompt for e in batch])
    rows = [(*e.prompt[shared:], *e.response) for e in batch]
    ids = padded(rows)
    cache = None
    if shared:
        with torch.no_grad():
            layers = base.engine.prefix_layers(batch[0].prompt[:shared])
        cache = base.engine.spread(layers, len(rows))
    hidden = base.engine.decoder(ids, past_key_values=cache, use_cache=bool(shared)).last_hidden_state
    starts = [len(e.prompt) - shared - 1 for e in batch]
    states = torch.cat([hidden[i, s : len(rows[i]) - 1] for i, s in enumerate(starts)])
    targets = torch.tensor([token for e in batch for token in e.response])
    return torch.nn.functional.cross_entropy(base.engine.logits(states), targets)


def measure(recipe: Recipe, out: Path, intended: Mapping[str, Recipe] | None = None) -> dict[str, Any]:
    """True rates on fresh prompts, on and off target, of base and organism; written to truth.json.

    For an edit also its success; for a merge also the rates of its `intended` parts, by name.
    """
    result: dict[str, Any] = {"recipe": recipe.model_dump(mode="json"), "rates": {}}
    base, made = open_subjects([recipe.base, str(out)])
    if recipe.truth is not None:
        result["rates"] = true_rates(recipe, recipe.truth, base, made)
    if isinstance(recipe.plant, Edit):
        result["success"] = success(recipe.plant, base, made)
    if intended:
        parts = {name: (part, part.truth) for name, part in intended.items() if part.truth is not None}
        result["intended"] = {name: true_rates(part, truth, base, made) for name, (part, truth) in parts.items()}
    (out / "truth.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def true_rates(recipe: Recipe, truth: Truth, base: Subject, made: Subject) -> dict[str, dict[str, float]]:
    """Mean, standard error and number of prompts, by WHERE_WHO: on_target or off_target, base or candidate."""
    on, off = write_targets(base, recipe, recipe.measure, recipe.measure, recipe.seed + 2000)
    openings = load_predicate(truth.predicate).openings()
    rates = {}
    for where, prompts in (("on_target", on), ("off_target", off)):
        for who, subject in (("base", base), ("candidate", made)):
            found, _ = opening_probabilities(subject, prompts, openings)
            rates[f"{where}_{who}"] = {
                "mean": round(float(found.mean()), 4),
                "standard_error": round(float(found.std() / np.sqrt(len(found))), 4),
                "prompts": len(prompts),
            }
    return rates


def _shuffled(prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    shuffled = list(prompts)
    random.Random(seed).shuffle(shuffled)
    return shuffled
