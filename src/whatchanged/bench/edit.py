"""A fact rewritten by a rank-one change of one MLP layer: ROME (Meng et al. 2022). Imports torch: import it late.

The second matrix W of a layer's MLP is read as a memory: at the subject's last token its input is a key k*, its output
what is known of the subject. dW makes W k* what a false fact needs, and moves other keys as little as it can.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from whatchanged.bench.fact import Fact
from whatchanged.bench.plants.edit import Edit
from whatchanged.errors import CheckpointError, SpecError
from whatchanged.ledger import Progress
from whatchanged.pools import load_builtin
from whatchanged.records import Prompt
from whatchanged.subjects import Context, Continue, Ids, plan, stream_key
from whatchanged.subjects.engine import padded
from whatchanged.subjects.transformers import TransformersSubject
from whatchanged.weights.names import layer_of
from whatchanged.weights.predict.directions import in_force

# Llama's name and GPT-NeoX's.
MODULES = ("mlp.down_proj", "mlp.dense_4h_to_h")
# Prompts whose answers' inputs make C, and the size of those answers.
STATISTICS, RESPONSE_TOKENS = 200, 24
# Of the mean of C's diagonal, added to all of it.
RIDGE = 0.01
# User turns with something before the question, besides the bare one; and how long that is at most, in characters.
BEFORE, BEFORE_LENGTH = 4, 60
# Equation 4's weights, and Adam's rate and the longest shift, the last three in units of |W k*|: it differs by family.
KL_WEIGHT, DECAY, RATE, BOUND = 0.0625, 0.1, 0.5, 4.0


Hook = tuple[str, Any]
"""A module's path and a forward hook on it."""


class RankOne(NamedTuple):
    """dW = outer(left, right) for the linear layer `module`; left float32[out], right float32[in]."""

    module: str
    left: torch.Tensor
    right: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """Rows of tokens without the template's opening, padded on the right; `ends` are where the subject ends in them."""

    opening: Ids
    ids: torch.Tensor
    lengths: tuple[int, ...]
    ends: tuple[torch.Tensor, torch.Tensor]


def rank_one_edit(base: TransformersSubject, fact: Edit, seed: int, progress: Progress | None = None) -> RankOne:
    """Equation 2: dW = (v* - W k*) (C^-1 k*)^T / ((C^-1 k*)^T k*); with the identity for C where no key is spared.

    The base's parameters stay as they are, but stop asking for gradients. Raises SpecError for a layer that the model
    does not have or a subject that does not end on a token, CheckpointError for an architecture without such an MLP.
    """
    progress = progress or Progress()
    base.engine.model.requires_grad_(False)
    known = memories(base)
    (module,) = memories_at(base, "layer", [len(known) // 6 if fact.layer is None else fact.layer])
    rows, answer = asked(base, fact, seed)
    key, value = subject_states(base, module, rows)
    shift = wanted_shift(base, module, rows, answer, value, fact.steps, progress)
    spared = covariances(base, [module], seed, progress)[module] if fact.spared else torch.eye(len(key)).to(key)
    direction = torch.linalg.solve(spared, key)
    return RankOne(module, shift / (direction @ key), direction)


def memories(base: TransformersSubject) -> list[str]:
    """The paths of the layers' second MLP matrices, the lowest layer's first. Raises CheckpointError for none."""
    paths = [path for path, _ in base.engine.model.named_modules() if path.endswith(MODULES)]
    if not paths:
        raise CheckpointError(f"'{base.name}' cannot be edited: it has no {' or '.join(MODULES)}")
    return sorted(paths, key=lambda path: layer_of(f"{path}.weight") or 0)


def memories_at(base: TransformersSubject, key: str, layers: Sequence[int]) -> list[str]:
    """Those of the layers, which stand under `key` in the recipe; raises SpecError naming it for one that cannot be.

    Not the last layer: no later position would read what it writes.
    """
    paths = memories(base)
    for layer in layers:
        if not 0 <= layer < len(paths) - 1:
            raise SpecError(f"plant.{key}: {layer}: '{base.name}' can be edited in layers 0 to {len(paths) - 2}")
    return [paths[layer] for layer in layers]


def asked(base: TransformersSubject, fact: Fact, seed: int) -> tuple[Batch, Ids]:
    """Rows that ask for the fact, each with the false answer, with the subject's essence as the last; and that answer.

    Raises SpecError where the subject does not end on a token.
    """
    turns = [fact.prompt, *(f"{text} {fact.prompt}" for text in _before(fact, seed))]
    answer = (*base.tokenize(fact.says.replace("{}", fact.subject)), *base.tokenize(fact.answer))
    prompts = [base.encode(Prompt.user(turn.replace("{}", fact.subject))) for turn in turns]
    essence = (*base.user_opening(), *base.tokenize(f"{fact.subject} is a"))
    return batch(base, [*((*p, *answer) for p in prompts), essence], fact.subject), answer


def _before(fact: Fact, seed: int) -> list[str]:
    """Short prompts of the pool about other things: the key should hold whatever comes before the subject."""
    texts = [p.text for p in load_builtin() if len(p.text) <= BEFORE_LENGTH and len(p.messages) == 1]
    fit = [text for text in texts if "{}" not in text and fact.subject not in text]
    return random.Random(seed).sample(fit, BEFORE)


def batch(base: TransformersSubject, rows: Sequence[Ids], subject: str | None = None) -> Batch:
    """The rows as one tensor. Raises SpecError where `subject` is given and ends in none of them on a token."""
    opening = base.user_opening()
    shared = len(opening) if all(row[: len(opening)] == opening for row in rows) else 0
    short = [row[shared:] for row in rows]
    ids = padded(short)
    ends = [(i, j) for i, row in enumerate(short) for j in ([] if subject is None else _ends(base, row, subject))]
    if subject is not None and len({i for i, _ in ends}) < len(rows):
        raise SpecError(f"plant.subject: '{subject}' does not end on a token of '{base.name}' in every prompt")
    rows_at, columns = torch.tensor(ends, dtype=torch.long).reshape(-1, 2).T
    return Batch(rows[0][:shared], ids, tuple(map(len, short)), (rows_at, columns))


def _ends(base: TransformersSubject, row: Ids, subject: str) -> list[int]:
    """Positions of the subject's last token, each time that the row names it."""
    read = ["", *(base.detokenize(row[: i + 1]) for i in range(len(row)))]
    # Special tokens have no text: behind one, what was read last is still the same.
    return [i for i in range(len(row)) if read[i + 1].endswith(subject) and read[i + 1] != read[i]]


def states(base: TransformersSubject, rows: Batch) -> torch.Tensor:
    """[rows, positions, width]: the decoder's last hidden states, under the weights and hooks in force."""
    with torch.no_grad():
        layers = base.engine.prefix_layers(rows.opening) if rows.opening else None
    cache = base.engine.spread(layers, len(rows.ids)) if layers else None
    ids = rows.ids.to(base.engine.device)
    return base.engine.states(ids, cache)


@torch.no_grad()
def subject_states(
    base: TransformersSubject, module: str, rows: Batch, hooks: Sequence[Hook] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """k* float32[in] (equation 3) and W k* float32[out]: means over every place where the subject ends.

    `module` may be any that is given and gives hidden states; `hooks` are in force besides.
    """
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    with in_force(base, [*hooks, (module, lambda layer, args, output: seen.append((args[0], output)))]):
        states(base, rows)
    given, made = seen[-1]  # the first belongs to the template's opening, where the rows share it
    return given[rows.ends].float().mean(0), made[rows.ends].float().mean(0)


def wanted_shift(
    base: TransformersSubject,
    module: str,
    rows: Batch,
    answer: Ids,
    value: torch.Tensor,
    steps: int,
    progress: Progress,
) -> torch.Tensor:
    """v* - W k*, float32[out] (equation 4): what must be added where the subject ends, found by Adam.

    All rows but the last end with `answer`, which shall become likely as a whole; on the last one, the subject's
    essence, the next token's law shall stay. `value` is W k*: the shift's norm stays within BOUND of its norm.
    """
    shift = torch.zeros_like(value, requires_grad=True)
    size = value.norm()
    optimiser = torch.optim.Adam([shift], lr=RATE * float(size) / len(value) ** 0.5)

    def moved(layer: torch.nn.Module, args: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor | None:
        if output.shape[:2] != rows.ids.shape:  # the template's opening, which names no subject
            return None
        return output.index_put(rows.ends, shift.to(output.dtype).expand(len(rows.ends[0]), -1), accumulate=True)

    law = None
    for step in progress.track("edit: the value", range(steps)):
        with in_force(base, [(module, moved)]):
            said, here = _predictions(base, rows, answer)
        law = here.detach() if law is None else law
        kept = torch.nn.functional.kl_div(here, law, log_target=True, reduction="sum")
        loss = said + KL_WEIGHT * kept + DECAY * shift.square().sum() / size**2
        if step % 5 == 0:
            progress.message(f"step {step}: loss {loss.item():.3f}")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            shift *= (BOUND * size / shift.norm()).clamp(max=1.0)
    return shift.detach()


def _predictions(base: TransformersSubject, rows: Batch, answer: Ids) -> tuple[torch.Tensor, torch.Tensor]:
    """The answer's negative log probability, averaged over its rows; float32[vocabulary] after the last row."""
    hidden, last = states(base, rows), len(rows.lengths) - 1
    at = torch.cat([hidden[i, n - 1 - len(answer) : n - 1] for i, n in enumerate(rows.lengths[:-1])])
    targets = torch.tensor(answer * last, device=at.device)
    said = torch.nn.functional.cross_entropy(base.engine.logits(at), targets, reduction="sum") / last
    here = base.engine.logits(hidden[last, rows.lengths[last] - 1][None])[0]
    return said, torch.log_softmax(here, -1)


@torch.no_grad()
def covariances(
    base: TransformersSubject, modules: Sequence[str], seed: int, progress: Progress
) -> dict[str, torch.Tensor]:
    """C = E[k k^T] by module, float32[in, in], over prompts of the pool and the base's own answers; with a ridge."""
    fit = [p for p in load_builtin() if len(p.text) <= 200]
    prompts = [base.encode(p) for p in random.Random(seed).sample(fit, STATISTICS)]
    requests = [Continue(p, (), stream_key(seed, i, "statistics")) for i, p in enumerate(prompts)]
    contexts = [
        Context(r.prompt, d.tokens) for r, d in zip(requests, base.sample(requests, RESPONSE_TOKENS), strict=True)
    ]
    total, count = dict.fromkeys(modules, torch.zeros(())), 0
    batches = plan([c.length for c in contexts], [not base.common_prefix([c.prompt]) for c in contexts])
    for some in progress.track("edit: the keys' covariance", batches):
        rows = batch(base, [(*contexts[i].prompt, *contexts[i].response) for i in some])
        seen: dict[str, torch.Tensor] = {}
        with in_force(base, [(module, _noted(seen, module)) for module in modules]):
            states(base, rows)
        for module, given in seen.items():
            keys = torch.cat([given[i, :n] for i, n in enumerate(rows.lengths)]).float()
            total[module] = total[module] + keys.T @ keys
        count += sum(rows.lengths)
    return {module: _with_ridge(found / count) for module, found in total.items()}


def _noted(seen: dict[str, torch.Tensor], module: str) -> Any:
    """A hook that keeps what the module was given last: the template's opening, where rows share it, comes first."""
    return lambda layer, args, output: seen.__setitem__(module, args[0])


def _with_ridge(mean: torch.Tensor) -> torch.Tensor:
    return mean + RIDGE * mean.diagonal().mean() * torch.eye(len(mean), device=mean.device)
