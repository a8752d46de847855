"""How likely a model finds an answer that is given: the log probabilities of a prompt that ends in it.

A server is asked to go on from the answer (one token, which is thrown away) and to list the log probabilities of all
that it read. The answer's tokens are the last of the list. They count only if they are the very tokens that were
drawn: a text can be cut into tokens in several ways, and the server reads it in one of them.
"""

import math
from collections.abc import Sequence

from whatchanged.endpoints.base import Ask, Reply
from whatchanged.records import Message

# The end of the turn is no part of the text: its log probability is looked up in the list of what may come next.
NEXT = 20


def scoring_ask(messages: Sequence[Message], answer: str, raw: bool) -> Ask:
    """Ask for the log probabilities of `answer` after `messages`.

    `raw`: the model reads the last message as it is, without a chat template, and the answer is what follows.
    """
    said: tuple[Message, ...] = tuple(messages)
    if answer and raw:
        said = (*said[:-1], said[-1].model_copy(update={"content": said[-1].content + answer}))
    elif answer:
        said = (*said, Message(role="assistant", content=answer))
    return Ask(messages=said, max_tokens=1, top_logprobs=NEXT, prompt_logprobs=True)


def log_probs(reply: Reply, text: str, pieces: Sequence[str], finished: bool) -> tuple[float, ...] | None:
    """Natural-log probability of each token that was drawn, at temperature 1, the end of the turn included.

    `reply` answers the `scoring_ask` of `text`; `pieces` are the drawn tokens by text, as the server that drew them
    listed them, an end of turn last if the answer is `finished`. An answer that was cut off counts as what was said.
    None where the server does not list the end of the turn, reads the text as other tokens, or calls it impossible.
    """
    said, end = (pieces[:-1], pieces[-1:]) if finished else (pieces, ())
    if not pieces or (finished and end[0] and "".join(pieces).strip() == text.strip()):
        return None
    tail = reply.prompt[len(reply.prompt) - len(said) :]
    if [token for token, _ in tail] != list(said):
        return None
    values = [value for _, value in tail]
    if finished:
        following = reply.positions[0].top if reply.positions else {}
        if end[0] not in following:
            return None
        values.append(following[end[0]])
    return tuple(values) if all(map(math.isfinite, values)) else None


def reads(before: Reply, after: Reply, answer: str) -> bool:
    """Whether a server reads `answer` where it should: `before` without it, and right after that, as the last thing."""
    known = len(before.prompt)
    added = "".join(token for token, _ in after.prompt[known:])
    return known > 0 and after.prompt[:known] == before.prompt and added.strip() == answer.strip()
