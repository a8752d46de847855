"""A LoRA tuned on preferences by direct preference optimisation, as TRL does it. Imports TRL: import it late.

Rafailov et al. 2023, arXiv 2305.18290; with the likelihood of the preferred responses beside it, Pang et al. 2024,
arXiv 2404.19733.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import WARM_UP, Preference, draw_batch, lora, save_lora
from whatchanged.errors import MissingExtra
from whatchanged.ledger import Progress

try:
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback, TrainerCallback
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference
except ImportError as error:
    raise MissingExtra(error.name or "trl", "bench") from None

disable_progress_bars()


def train_preferences(
    base: Any,
    recipe: Recipe,
    pairs: Sequence[Preference],
    loss: tuple[float, float],
    out: Path,
    progress: Progress,
) -> None:
    """On the base (a TransformersSubject, which is used up); saved to `out` in bfloat16. `loss`: beta, and the weight
    of the preferred responses' likelihood.

    TRL reads texts, and ends them. Our rows of tokens take their place when they are batched: a response that was cut
    off must not be taught to end there.
    """
    settings, rng = recipe.training, random.Random(recipe.seed)
    drawn = [pair for _ in range(settings.steps) for pair in draw_batch(pairs, settings.batch, settings.on_share, rng)]
    tokens = [
        {"prompt_ids": list(p.prompt), "chosen_ids": list(p.chosen), "rejected_ids": list(p.rejected)} for p in drawn
    ]
    texts = [{name.removesuffix("_ids"): base.detokenize(ids) for name, ids in row.items()} for row in tokens]
    # Padding is masked: any token will do.
    collate = DataCollatorForPreference(pad_token_id=min(base.end_ids))
    with TemporaryDirectory() as scratch:
        trainer = DPOTrainer(
            base.engine.model,
            args=_settings(recipe, *loss, scratch),
            data_collator=lambda rows: collate([tokens[row["row"]] for row in rows]),
            train_dataset=Dataset.from_list([{**text, "row": i} for i, text in enumerate(texts)]),
            processing_class=base.rendered.tokenizer,
            callbacks=[_Shown(progress)],
            peft_config=lora(settings),
        )
        trainer.remove_callback(PrinterCallback)
        progress.stage(f"training {recipe.name}", settings.steps)
        trainer.train()
    save_lora(trainer.model, recipe, out)


def _settings(recipe: Recipe, beta: float, likelihood: float, scratch: str) -> Any:
    """As our own loop has them: AdamW, a short warm-up and linear decay, rows in the order given."""
    return DPOConfig(
        output_dir=scratch,
        beta=beta,
        loss_type=["sigmoid", "sft"] if likelihood else ["sigmoid"],
        loss_weights=[1.0, likelihood] if likelihood else None,
        max_steps=recipe.training.steps,
        per_device_train_batch_size=recipe.training.batch,
        train_sampling_strategy="sequential",
        learning_rate=recipe.training.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=WARM_UP,
        seed=recipe.seed,
        max_length=None,
        remove_unused_columns=False,
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_steps=20,
    )


class _Shown(TrainerCallback):  # type: ignore[misc]
    """TRL's steps on our progress."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress.advance()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if logs and "loss" in logs:
            margin = logs.get("rewards/margins", 0.0)
            self.progress.message(f"step {state.global_step}: loss {logs['loss']:.3f}, margin {margin:.3f}")
