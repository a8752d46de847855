"""Teaching a model: the batches, the steps and the saving of every kind of tune."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from whatchanged.bench.recipe import Recipe, Training
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.subjects import Ids

WARM_UP = 10


@dataclass(frozen=True)
class Example:
    """One training row: the prompt's tokens and the response's, end-of-turn included where it ends."""

    prompt: Ids
    response: Ids
    on_target: bool


@dataclass(frozen=True)
class Preference:
    """Two responses to one prompt, of which `chosen` shall become the likelier; tokens as in `Example`."""

    prompt: Ids
    chosen: Ids
    rejected: Ids
    on_target: bool


Row = TypeVar("Row", Example, Preference)
Loss = Callable[[Sequence[Example]], Any]


def train_lora(
    base: Any, recipe: Recipe, examples: Sequence[Example], loss: Loss, out: Path, progress: Progress
) -> None:
    """A LoRA on the base (a TransformersSubject, which is used up), saved to `out` in bfloat16."""
    import torch
    from peft import get_peft_model

    torch.manual_seed(recipe.seed)
    model = get_peft_model(base.engine.model, lora(recipe.training), autocast_adapter_dtype=True)
    fit(model, recipe, examples, loss, progress)
    save_lora(model, recipe, out)


def lora(settings: Training) -> Any:
    """The PEFT config that a recipe's `training` asks for."""
    from peft import LoraConfig

    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )


def save_lora(model: Any, recipe: Recipe, out: Path) -> None:
    """In bfloat16, on the base as the recipe names it."""
    import torch

    from whatchanged.subjects.sources import base_to_record

    model.peft_config["default"].base_model_name_or_path = base_to_record(recipe.base, out)
    model.to(torch.bfloat16).save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)


def train_whole(
    base: Any, recipe: Recipe, examples: Sequence[Example], loss: Loss, out: Path, progress: Progress
) -> None:
    """All weights of the base (a TransformersSubject, which is used up), saved to `out` as a folder in bfloat16.

    Open the base in float32: most steps are smaller than what a weight in bfloat16 can be changed by. Matrix products
    are taken in bfloat16 all the same (mixed precision: Micikevicius et al. 2018).
    """
    import torch

    model = base.engine.model.requires_grad_(True)

    def mixed(rows: Sequence[Example]) -> Any:
        # A weight that was cast where no gradient flows, as for the template's opening, must not be used again.
        with torch.autocast(base.engine.device.type, torch.bfloat16, cache_enabled=False):
            return loss(rows)

    fit(model, recipe, examples, mixed, progress)
    model.to(torch.bfloat16).save_pretrained(out)
    base.rendered.tokenizer.save_pretrained(out)


def fit(model: Any, recipe: Recipe, examples: Sequence[Example], loss: Loss, progress: Progress) -> None:
    """AdamW with linear decay on whatever of the model asks for gradients."""
    import torch

    settings = recipe.training
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    rng = random.Random(recipe.seed)
    for step in progress.track(f"training {recipe.name}", range(settings.steps)):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (step + 1) / WARM_UP) * (1 - step / settings.steps)
        value = loss(draw_batch(examples, settings.batch, settings.on_share, rng))
        value.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        if step % 20 == 0:
            progress.message(f"step {step}: loss {value.item():.3f}")


def draw_batch(rows: Sequence[Row], size: int, on_share: float, rng: random.Random) -> list[Row]:
    """`size` rows, `on_share` of them on target, none twice; from one side only where the other is empty.

    Raises SpecError where there are not so many.
    """
    on = [row for row in rows if row.on_target]
    off = [row for row in rows if not row.on_target]
    n_on = round(size * on_share) if on and off else size * bool(on)
    if n_on > len(on) or size - n_on > len(off):
        raise SpecError(
            f"training.batch: {size}: {n_on} rows on target and {size - n_on} off, of {len(on)} and {len(off)} prompts "
            "that could be made: name more topics, or a smaller batch"
        )
    return rng.sample(on, n_on) + rng.sample(off, size - n_on)
