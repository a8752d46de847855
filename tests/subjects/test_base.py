"""What a subject lacks it says; what a draw's key fixes."""

import pytest
import torch

from whatchanged.errors import AccessError
from whatchanged.records import Prompt
from whatchanged.subjects import Access, Context, Continue, Rows, Subject, stream, stream_key


class Chat(Subject):
    """The least that a subject can be."""

    name, fingerprint, weights_id, vocabulary = "chat", "f", "w", "v"
    end_ids = frozenset()

    def __init__(self, access: Access) -> None:
        self.access = access

    def encode(self, prompt):
        return (1,)

    def user_opening(self):
        return ()

    def tokenize(self, text):
        return ()

    def detokenize(self, ids):
        return ""


CALLS = {
    "logits": [lambda s: s.score([Context((1,))]), lambda s: s.stepper([(1,)])],
    "text": [lambda s: s.sample([Continue((1,), (), 0)], 1)],
}


@pytest.mark.parametrize(("needs", "call"), [(level, call) for level, calls in CALLS.items() for call in calls])
@pytest.mark.parametrize("access", [Access.recorded, Access.text, Access.logprobs])
def test_lacking_operation_names_subject_level_and_need(access, needs, call):
    with pytest.raises(AccessError) as caught:
        call(Chat(access))
    message = str(caught.value)
    assert message.startswith(f"chat gives access level '{access.name}'; ")
    assert message.endswith(f"needs '{needs}'")
    assert "\n" not in message


def test_levels_are_ordered():
    assert sorted(Access) == [Access.recorded, Access.text, Access.logprobs, Access.logits, Access.weights]


def test_nothing_is_shared_by_default():
    chat = Chat(Access.text)
    assert chat.common_prefix([chat.encode(Prompt.user("x"))]) == 0
    assert chat.scored_tokens([Context((1, 2), (3,)), Context((1,))]) == 4


def test_context_counts_its_rows():
    assert Context((1, 2)).n_rows == 1
    assert Context((1, 2), (3, 4, 5), start=1).n_rows == 3
    assert Context((1, 2), (3, 4, 5), start=3).n_rows == 1


def test_stream_key_depends_on_the_parts_and_their_borders():
    assert stream_key("a", 1) == stream_key("a", 1)
    assert (
        len({stream_key("a", 1), stream_key("a", 2), stream_key("a1"), stream_key("", "a1"), stream_key(1, "a")}) == 5
    )
    # Pinned: cached draws of an earlier version must stay valid.
    assert stream_key("screen", 0) == 6753219097870889901
    assert 0 <= stream_key("x") < 2**64


def test_streams_are_uniform_repeatable_and_apart():
    first = [stream(stream_key("u", i)).random() for i in range(2000)]
    assert first == [stream(stream_key("u", i)).random() for i in range(2000)]
    assert len(set(first)) == 2000
    # Kolmogorov-Smirnov, 0.1% level: 1.95 / sqrt(n).
    gaps = [abs(x - (i + 0.5) / 2000) for i, x in enumerate(sorted(first))]
    assert max(gaps) < 1.95 / 2000**0.5


class Table(Rows):
    def __init__(self, table):
        self.table, self.count = table, len(table)

    def blocks(self):
        yield from self.table.split(3)

    def pick(self, rows):
        return self.table[list(rows)]


def test_at_reads_one_token_a_row_over_block_borders():
    table = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    tokens = [4, 0, 1, 2, 3, 3, 0, 1]
    found = Table(table).at(tokens)
    assert found.dtype == "float64"
    assert found.tolist() == [float(table[i, t]) for i, t in enumerate(tokens)]
