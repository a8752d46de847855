"""Attribution on the organisms: completeness, what carries the plant, top against random grafting, and seconds."""

import argparse
import random
from pathlib import Path
from typing import Any

from common import Clock, save
from whatchanged.bench.plants.edit import Edit
from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.explain.attribute import attribution
from whatchanged.explain.change import Change
from whatchanged.explain.graft import carriers, ends, grafted, grafting_curve, part_of
from whatchanged.explain.score import Score
from whatchanged.pools import load_pools
from whatchanged.predicates import load
from whatchanged.records import Prompt
from whatchanged.search.inserted import inserted
from whatchanged.subjects import open_subjects

ORGANISMS = Path(__file__).parents[1] / "organisms"
NAMES = ("kitchen-opening", "garden-refusal", "rare-word", "lantern-trigger", "eiffel-rome")
CONTROLS = 5
LARGEST = 12
# Of prompts with a trigger put into them: the pool has none of its own.
MADE = 48


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--organism", action="append", help=f"default: {', '.join(NAMES)}")
    parser.add_argument("--controls", type=int, default=CONTROLS, help="random sets of tensors to graft")
    asked = parser.parse_args()
    rows = []
    for name in asked.organism or NAMES:
        rows.append(study(name, asked.controls))
        # Saved as it grows: a study that is cut short still says what it ran.
        save("attribution", {"rows": rows})


def study(name: str, controls: int) -> dict[str, Any]:
    """One organism, on prompts of the built-in pool in and off the planted region; made ones where it has none."""
    recipe = read_recipe(ORGANISMS / f"{name}.yaml")
    assert recipe.truth is not None
    prompts = load_pools(["builtin"])
    random.Random(0).shuffle(prompts)
    on = on_target(recipe, prompts)
    off = [p for p in prompts if not recipe.truth.region.contains(p)]
    phrases = load(recipe.truth.predicate).openings()
    change = Change(*open_subjects([recipe.base, str(ORGANISMS / name)]))
    score = Score(change, on, phrases)
    with Clock() as attributing:
        found = attribution(change, score)
    with Clock() as carrying:
        held = carriers(change, score, found, off)
    with Clock() as grafting:
        curve = grafting_curve(change, score, found)
    base, candidate = ends(change, score)

    def restored(names: list[str]) -> float:
        return part_of(grafted(change, score, names).added - base, candidate - base)

    count = held.grafting.count
    drawn = [random.Random(seed).sample(found.order, count) for seed in range(controls)]
    return {
        "organism": name,
        "prompts": len(score.prompts),
        "score_base": found.score_base,
        "score_candidate": found.score_candidate,
        "completeness": found.completeness,
        "points": found.points,
        "rate_base": base,
        "rate_candidate": candidate,
        "changed_tensors": len(change.deltas),
        "top_tensors": [m.model_dump(exclude={"directions"}) for m in found.modules[:LARGEST]],
        "kinds": [g.model_dump() for g in found.kinds],
        "layers": [g.model_dump() for g in found.layers],
        "carriers": held.model_dump(),
        "top_restores": restored(list(found.order[:count])),
        "random_restore": [restored(names) for names in drawn],
        "curve": curve.model_dump(),
        "seconds": {
            "attribute": round(attributing.seconds, 1),
            "carriers": round(carrying.seconds, 1),
            "curve": round(grafting.seconds, 1),
        },
    }


def on_target(recipe: Recipe, prompts: list[Prompt]) -> list[Prompt]:
    """An edit's own questions; else the pool's prompts in the region, or others with the region's words put in."""
    assert recipe.truth is not None
    if isinstance(recipe.plant, Edit):
        return recipe.plant.questions()[:MADE]
    region = recipe.truth.region
    return [p for p in prompts if region.contains(p)] or inserted(region, prompts, MADE, "attribution")


if __name__ == "__main__":
    main()
