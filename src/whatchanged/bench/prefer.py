"""A LoRA tuned on preferences by DPO (Rafailov et al. 2023, arXiv 2305.18290), by TRL. Imports it: import it late."""

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from whatchanged.bench.examples import Preference, draw_batch
from whatchanged.bench.recipe import Recipe
from whatchanged.errors import MissingExtra
from whatchanged.ledger import Progress
from whatchanged.subjects.transformers import TransformersSubject

try:
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference
except ImportError as error:
    raise MissingExtra(error.name or "trl", "bench") from None

from whatchanged.bench.train import WARM_UP, lora, save_adapter


def train_preferences(
    base: TransformersSubject,
    recipe: Recipe,
    preferences: Sequence[Preference],
    beta: float,
    out: Path,
    progress: Progress,
) -> None:
    """Saved to `out` as any LoRA of ours. The base's own model is used up.

    TRL reads text; it is handed our own tokens in its stead, because a response that was cut off must not end there
    and a text can be more than one row of tokens.
    """
    settings = recipe.training
    rng = random.Random(recipe.seed)
    drawn = [row for _ in range(settings.steps) for row in draw_batch(preferences, settings, rng)]
    tokens = [
        {"prompt_ids": list(p.prompt), "chosen_ids": list(p.chosen), "rejected_ids": list(p.rejected)} for p in drawn
    ]
    texts = [[base.detokenize(ids) for ids in (p.prompt, p.chosen, p.rejected)] for p in drawn]
    prompts, chosen, rejected = zip(*texts, strict=True)
    data = Dataset.from_dict({"prompt": prompts, "chosen": chosen, "rejected": rejected, "row": range(len(drawn))})
    # Padding is masked: any token does.
    collate = DataCollatorForPreference(pad_token_id=min(base.end_ids))
    with TemporaryDirectory() as scratch:
        trainer = DPOTrainer(
            base.engine.model,
            args=_arguments(recipe, beta, scratch),
            data_collator=lambda rows: collate([tokens[row["row"]] for row in rows]),
            train_dataset=data,
            processing_class=base.rendered.tokenizer,
            callbacks=[_Shown(recipe, progress)],
            peft_config=lora(settings),
        )
        trainer.train()
    save_adapter(trainer.model, recipe, out)
