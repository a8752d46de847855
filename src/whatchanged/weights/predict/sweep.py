"""Which tokens and which names meet the read directions most: triggers and subjects that no pool contains.

A row is a template with one token (or name) in it. Its read energies |dW h| / |W h| are standardised for each position
and module by median and MAD over many tokens, so that a token that stands out in several modules ranks first.
"""

from collections.abc import Iterable, Sequence
from importlib.resources import files

import numpy as np

from whatchanged.ledger import Progress
from whatchanged.records import Prompt
from whatchanged.subjects import Subject
from whatchanged.subjects.batching import BATCH_TOKENS
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.predict.directions import Directions, ReadDirections, weights_of
from whatchanged.weights.predict.energy import in_decoder, ratios
from whatchanged.weights.predict.frames import DEFAULT, Frame, common_length, frame_of
from whatchanged.weights.predict.measured import Swept, by_shift
from whatchanged.weights.predict.standing import Standing, Yardstick, leading, merged

# Tokens drawn at random whose median and MAD stand for the vocabulary's; held in memory with all positions.
REFERENCE = 1024
LEADING = 1024
SHIFTED = 400


def vocabulary_sweep(
    base: Subject,
    directions: ReadDirections,
    templates: Sequence[str] = DEFAULT,
    top: int = 100,
    *,
    candidate: Subject | None = None,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> list[Swept]:
    """The `top` (at most 1,024) printable tokens of the vocabulary, the furthest out first.

    Read energy is taken at the token and at every position after it, up to the response's first. The first template
    is swept whole; the 1,024 leading tokens of it also in the others. With `candidate`, the leading 400 are scored by
    both models, and come in the order of their `shift`.
    Raises SpecError for a template without {}, AccessError below 'weights'.
    """
    progress = progress or Progress()
    modules, frames = in_decoder(base, directions), [frame_of(base, t) for t in templates]
    words = _printable(base)
    if not modules or not words:
        return []
    order = [int(t) for t in np.random.default_rng(seed).permutation(list(words))]
    reference = order[:REFERENCE]
    rounds, tokens = [], order
    for number, frame in enumerate(frames):
        progress.stage(f"predict: vocabulary sweep, template {number + 1}", len(dict.fromkeys([*reference, *tokens])))
        rounds.append(_sweep(base, modules, frame, reference, tokens, batch_tokens, progress))
        if number == 0:
            tokens = leading(rounds[0], LEADING)
    found = merged(rounds, tokens)
    swept = [
        Swept(text=words[t], token_id=t, score=s.score, module=modules[s.module].module, z=s.z)
        for t in leading(found, top if candidate is None else max(top, SHIFTED))
        for s in [found[t]]
    ]
    return swept if candidate is None else by_shift(base, candidate, swept, templates)[:top]


def subject_sweep(
    base: Subject,
    directions: ReadDirections,
    entities: Sequence[str] | None = None,
    templates: Sequence[str] = DEFAULT,
    top: int = 20,
    *,
    batch_tokens: int = BATCH_TOKENS,
) -> list[Swept]:
    """The `top` names whose last token meets the read directions most, standardised over all names given.

    `entities` None stands for the list of well-known names that comes with the package. An edit's key is the state
    at its subject's last token (Meng et al. 2022). Raises SpecError, AccessError.
    """
    names = list(dict.fromkeys(load_entities() if entities is None else entities))
    modules, rounds = in_decoder(base, directions), []
    if not modules or not names:
        return []
    for template in templates:
        suffix = frame_of(base, template).suffix
        rows = [base.encode(Prompt.user(template.replace("{}", name))) for name in names]
        prefix = base.user_opening()[: base.common_prefix(rows)]
        at = [len(row) - common_length((row[::-1], suffix[::-1])) - 1 - len(prefix) for row in rows]
        tables = np.zeros((len(names), 1, len(modules)), np.float32)
        for i, table in ratios(base, modules, rows, prefix, batch_tokens):
            tables[i, 0] = table[at[i]]
        stick = Yardstick.of(tables)
        rounds.append({i: stick.standing(table) for i, table in enumerate(tables)})
    found = merged(rounds, range(len(names)))
    return [
        Swept(text=names[i], score=s.score, module=modules[s.module].module, z=s.z)
        for i in leading(found, top)
        for s in [found[i]]
    ]


def load_entities() -> list[str]:
    """About 430 well-known people, places, companies and works."""
    text = files("whatchanged.weights.predict").joinpath("entities.txt").read_text(encoding="utf-8")
    return text.split("\n")[:-1]


def _sweep(
    base: Subject, modules: Sequence[Directions], frame: Frame, reference: Sequence[int], tokens: Sequence[int],
    batch_tokens: int, progress: Progress,
) -> dict[int, Standing]:  # fmt: skip
    """The reference's own standings among them."""

    def tables(some: Sequence[int]) -> Iterable[tuple[int, Floats]]:
        for found in ratios(base, modules, [frame.around(t) for t in some], frame.prefix, batch_tokens):
            progress.advance()
            yield found

    held = np.zeros((len(reference), 1 + len(frame.suffix), len(modules)), np.float32)
    for i, found in tables(reference):
        held[i] = found
    stick = Yardstick.of(held)
    standings = {t: stick.standing(table) for t, table in zip(reference, held, strict=True)}
    rest = [t for t in tokens if t not in standings]
    return standings | {rest[i]: stick.standing(found) for i, found in tables(rest)}


def _printable(base: Subject) -> dict[int, str]:
    """The tokens that a user could write: text of their own, no control characters, no half of a character."""
    owner = weights_of(base)
    size = min(len(owner.rendered.tokenizer), owner.engine.unembedding.weight.shape[0])
    texts = {token: base.detokenize([token]) for token in range(size)}
    return {t: text for t, text in texts.items() if text.strip() and text.isprintable() and "\ufffd" not in text}
