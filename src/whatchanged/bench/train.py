"""Teaching a model given responses: the loss, the batches and the steps of every kind of tune."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatchanged.bench.recipe import Recipe
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.subjects import Ids


@dataclass(frozen=True)
class Example:
    """One training row: the prompt's tokens and the response's, end-of-turn included where it ends."""

    prompt: Ids
    response: Ids
    on_target: bool


def train_lora(base: Any, recipe: Recipe, examples: Sequence[Example], out: Path, progress: Progress) -> None:
    """A LoRA on the base (a TransformersSubject, which is used up), saved to `out` in bfloat16."""
    import torch
    from peft import LoraConfig, get_peft_model

    from whatchanged.subjects.sources import base_to_record

    settings = recipe.training
    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base.engine.model, config, autocast_adapter_dtype=True)
    fit(model, recipe, examples, lambda rows: response_loss(base, rows), progress)
    model.peft_config["default"].base_model_name_or_path = base_to_record(recipe.base, out)
    model.to(torch.bfloat16).save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)


def fit(
    model: Any,
    recipe: Recipe,
    examples: Sequence[Example],
    loss_of: Callable[[list[Example]], Any],
    progress: Progress,
) -> None:
    """AdamW with linear decay on whatever of the model asks for gradients."""
    import torch

    settings = recipe.training
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    rng = random.Random(recipe.seed)
    for step in progress.track(f"training {recipe.name}", range(settings.steps)):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (step + 1) / 10) * (1 - step / settings.steps)
        loss = loss_of(draw_batch(examples, settings.batch, settings.on_share, rng))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if step % 20 == 0:
            progress.message(f"step {step}: loss {loss.item():.3f}")


def draw_batch(examples: Sequence[Example], size: int, on_share: float, rng: random.Random) -> list[Example]:
    """`size` rows, `on_share` of them on target, none twice; from one side only where the other is empty.

    Raises SpecError where there are not so many.
    """
    on = [e for e in examples if e.on_target]
    off = [e for e in examples if not e.on_target]
    n_on = round(size * on_share) if on and off else size * bool(on)
    if n_on > len(on) or size - n_on > len(off):
        raise SpecError(
            f"training.batch: {size}: {n_on} rows on target and {size - n_on} off, of {len(on)} and {len(off)} prompts "
            "that could be made: name more topics, or a smaller batch"
        )
    return rng.sample(on, n_on) + rng.sample(off, size - n_on)


def response_loss(base: Any, rows: Sequence[Example]) -> Any:
    """Cross-entropy of the responses' tokens. No gradient flows through the template's opening, which all rows share:
    it would be a third of the work and teaches nothing of its own."""
    import torch

    from whatchanged.subjects.engine import padded

    shared = base.common_prefix([e.prompt for e in rows])
    tokens = [(*e.prompt[shared:], *e.response) for e in rows]
    ids = padded(tokens)
    cache = None
    if shared:
        with torch.no_grad():
            layers = base.engine.prefix_layers(rows[0].prompt[:shared])
        cache = base.engine.spread(layers, len(tokens))
    hidden = base.engine.decoder(ids, past_key_values=cache, use_cache=bool(shared)).last_hidden_state
    starts = [len(e.prompt) - shared - 1 for e in rows]
    states = torch.cat([hidden[i, s : len(tokens[i]) - 1] for i, s in enumerate(starts)])
    targets = torch.tensor([token for e in rows for token in e.response])
    return torch.nn.functional.cross_entropy(base.engine.logits(states), targets)
