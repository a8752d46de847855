"""What the base alone foretells of a change: against the shift that a screen measures, over the discovery pool.

`--sweep` also ranks the words of the organism's trigger (organisms/NAME.yaml beside the candidate) in the sweep over
the vocabulary, by read energy alone and by the shift measured for the leading 400.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import Clock, save
from whatchanged.bench.recipe import read_recipe
from whatchanged.config import AuditConfig
from whatchanged.elicit import draw_responses
from whatchanged.ledger import Ledger
from whatchanged.pools import load_pools, split
from whatchanged.screen import scan
from whatchanged.subjects import Context, Subject, open_subjects
from whatchanged.weights.predict import (
    ReadDirections,
    first_order,
    read_directions,
    read_energy,
    spearman,
    vocabulary_sweep,
)

RECALLS = (0.5, 0.8, 0.9)
SHARES = (0.1, 0.2, 0.3, 0.5)
EVERYTHING = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("candidate", nargs="?", default="organisms/kitchen-opening")
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--sweep", action="store_true")
    arguments = parser.parse_args()
    base, candidate = open_subjects([arguments.base, arguments.candidate])
    with Clock() as clock:
        directions = read_directions(arguments.base, arguments.candidate, base)
    result: dict[str, Any] = {
        "candidate": arguments.candidate,
        "modules": len(directions.modules),
        "seconds_directions": round(clock.seconds, 1),
        **ordered(arguments.base, arguments.candidate, base, candidate, directions),
    }
    if arguments.sweep:
        result["sweep"] = swept(arguments.candidate, base, candidate, directions)
    save(f"predict-{Path(arguments.candidate).name}", result)


def ordered(
    base_spec: str, candidate_spec: str, base: Subject, candidate: Subject, directions: ReadDirections
) -> dict[str, Any]:
    """Each prediction's rank correlation with the measured shift, and what ordering the pool by it saves."""
    config = AuditConfig(base=base_spec, candidate=candidate_spec)
    limits = config.limits
    prompts = split(
        load_pools(config.pool), limits.discovery_prompts, limits.confirmation_prompts, config.seed
    ).discovery
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder), config)
        responses = draw_responses(ledger, base, prompts, limits.response_tokens, "screen")
        with Clock() as screened:
            shifts = scan(ledger, base, candidate, prompts, responses)
    measured = np.array([float(s.kl_qp.mean()) for s in shifts])
    opening = np.array([float(s.kl_qp[0]) for s in shifts])
    tokens = np.array(
        [base.scored_tokens([Context(base.encode(p), r.tokens)]) for p, r in zip(prompts, responses, strict=True)]
    )
    with Clock() as read:
        energy = read_energy(base, directions, prompts)
    with Clock() as derived:
        foreseen = first_order(base, directions, prompts)
    predictions = {
        "read energy, peak": energy.scores,
        "read energy, last position": energy.last_scores,
        "first-order shift": np.array([f.kl for f in foreseen]),
    }
    gained = [bool(f.gained) and f.gained[0].token in s.gained_ids[0] for f, s in zip(foreseen, shifts, strict=True)]
    return {
        "prompts": len(prompts),
        "seconds": {
            "screen": round(screened.seconds, 1),
            "read energy": round(read.seconds, 1),
            "first-order shift": round(derived.seconds, 1),
        },
        "spearman": {name: round(spearman(values, measured), 3) for name, values in predictions.items()},
        "spearman_first_position": {name: round(spearman(values, opening), 3) for name, values in predictions.items()},
        "foreseen_token_among_those_gained": round(float(np.mean(gained)), 3),
        "order": {name: saving(values, measured, tokens) for name, values in predictions.items()},
        "best_order_possible": saving(measured, measured, tokens),
    }


def saving(prediction: np.ndarray, measured: np.ndarray, tokens: np.ndarray) -> dict[str, dict[str, float]]:
    """The top decile's shift captured when the most promising prompts are scored first.

    `captured` at shares of the pool's tokens; `saved` tokens at equal recall, against any order that knows nothing
    (which needs that share of the tokens).
    """
    order = np.argsort(-prediction, kind="stable")
    wanted = np.where(measured >= np.quantile(measured, 0.9), measured, 0.0)
    captured = wanted[order].cumsum() / wanted.sum()
    spent = tokens[order].cumsum() / tokens.sum()
    return {
        "captured": {f"{share:.0%}": round(float(captured[spent <= share].max(initial=0.0)), 3) for share in SHARES},
        "saved": {
            f"{recall:.0%}": round(1 - float(spent[np.searchsorted(captured, recall - 1e-9)]) / recall, 3)
            for recall in RECALLS
        },
    }


def swept(spec: str, base: Subject, candidate: Subject, directions: ReadDirections) -> dict[str, Any]:
    """Ranks (from 1) of the trigger's tokens among those that stand out in the first template (1,024 of them), and
    among the 100 of the largest shift; None where a token is not among them."""
    plant: Any = read_recipe(Path(f"{spec}.yaml")).plant
    trigger = plant.trigger
    words = {t: base.detokenize([t]) for lead in ("", " ") for t in base.tokenize(lead + trigger)}
    with Clock() as alone:
        found = vocabulary_sweep(base, directions, top=EVERYTHING)
    with Clock() as both:
        measured = vocabulary_sweep(base, directions, candidate=candidate)
    ranks, shifted = ({s.token_id: n for n, s in enumerate(rows, start=1)} for rows in (found, measured))
    return {
        "trigger": trigger,
        "tokens": len(found),
        "seconds": round(alone.seconds, 1),
        "seconds_with_candidate": round(both.seconds, 1),
        "ranks": {word: ranks.get(t) for t, word in words.items()},
        "ranks_by_shift": {word: shifted.get(t) for t, word in words.items()},
        "in_top_100": sum(ranks.get(t, EVERYTHING) <= 100 for t in words) / max(len(words), 1),
        "leading": [{"text": s.text, "score": round(s.score, 3), "module": s.module} for s in found[:20]],
        "leading_by_shift": [{"text": s.text, "shift": round(s.shift or 0.0, 3)} for s in measured[:20]],
    }


if __name__ == "__main__":
    main()
