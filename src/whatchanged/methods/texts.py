"""Texts of both models, drawn independently as the older systems do, for each half of the prompts."""

from collections.abc import Sequence
from typing import NamedTuple

from whatchanged.elicit import coupled_pairs, draw_responses, independent_pairs
from whatchanged.opened import Opened
from whatchanged.records import Pair, Prompt
from whatchanged.screen import Heard
from whatchanged.subjects import Access


class Sampled(NamedTuple):
    """Pairs for describing and, on other prompts, for testing; several of one prompt are together one unit.

    `wanted` texts a model were asked for; fewer were drawn where a limit on decoded tokens said so.
    """

    describing: list[Pair]
    testing: list[Pair]
    prompts: dict[str, Prompt]
    wanted: int

    @property
    def described(self) -> list[Prompt]:
        """Prompts of the first half that were asked, in order."""
        return _asked(self.describing, self.prompts)

    @property
    def tested(self) -> list[Prompt]:
        """Prompts of the other half that were asked, in order."""
        return _asked(self.testing, self.prompts)


def sample(audit: Opened) -> Sampled:
    """Half of the texts on discovery prompts, half on confirmation prompts: the split is the default method's."""
    ledger = audit.ledger
    config, limits = ledger.config, ledger.config.limits
    wanted = config.texts or limits.method_texts
    count = min(wanted, ledger.tokens_left() // (2 * limits.response_tokens))
    discovery, confirmation = audit.prompts
    describing = draw_texts(audit, discovery, count // 2, "describing")
    testing = [] if ledger.out_of_time() else draw_texts(audit, confirmation, count - count // 2, "testing")
    return Sampled(describing, testing, {p.id: p for side in audit.prompts for p in side}, wanted)


def draw_texts(audit: Opened, prompts: Sequence[Prompt], count: int, half: str) -> list[Pair]:
    """`count` pairs of answers that share no random numbers: one a prompt in order, then a second one, and so on."""
    ledger, base, candidate = audit.ledger, audit.base, audit.candidate
    pairs: list[Pair] = []
    for draw, start in enumerate(range(0, count, max(1, len(prompts)))):
        some = prompts[: count - start]
        if audit.access < Access.logits:
            came = independent_pairs(ledger, base, candidate, some, f"texts/{half}", draw)
            pairs += [pair for pair in came if pair is not None]
            continue
        responses = draw_responses(ledger, base, some, ledger.config.limits.response_tokens, f"texts/{half}", draw)
        pairs += coupled_pairs(ledger, base, candidate, some, responses, f"texts/{half}-{draw}", coupled=False)
    return pairs


def heard(audit: Opened, drawn: Sampled, unseen: str) -> Heard:
    """What the report says of the texts. `unseen`: the part of the models that the method does not open."""
    config = audit.ledger.config
    texts = len(drawn.describing) + len(drawn.testing)
    short = texts < drawn.wanted and config.max_decoded_tokens is not None
    return Heard(
        access=audit.access.name,
        prompts=drawn.described,
        confirmation=drawn.tested,
        pairs=drawn.describing,
        control=len(drawn.described),
        seed=config.seed,
        cut=f"--max-decoded-tokens {config.max_decoded_tokens}" if short else None,
        limits=(
            f"behaviours too rare to show in {texts} texts a model",
            f"responses beyond their first {config.limits.response_tokens} tokens",
            f"sampling at temperatures other than {config.temperature:g}",
            "prompts that no pool holds",
        ),
        unseen=unseen,
    )


def _asked(pairs: Sequence[Pair], prompts: dict[str, Prompt]) -> list[Prompt]:
    return [prompts[i] for i in dict.fromkeys(pair.prompt_id for pair in pairs)]
