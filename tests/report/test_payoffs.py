"""Where the search's budget went: the plot, the table and the sentence."""

from page import Page, assert_inert

from whatchanged.report.html import render_html
from whatchanged.report.labels import searches
from whatchanged.report.model import FinderUse, Payoff
from whatchanged.report.payoffs import BOTTOM, TOP, payoff_plot, payoff_sentence

HOSTILE = "<script>alert(1)</script>\u202e"


def use(name, *payoffs, **fields):
    """A finder with (round, mass, tokens) of its calls."""
    told = tuple(Payoff(round=n, prompts=10, tokens=tokens, mass=mass) for n, mass, tokens in payoffs)
    return FinderUse(name=name, prompts=10 * len(told), scored_tokens=50, payoffs=told, **fields)


SWEEP, MUTATION = use("sweep", (0, 0.0, 4000)), use("mutation", (1, 6.0, 1000), (3, 4.0, 3000))
POOL = use("pool", (2, 2.5, 2000))


def test_bars_stand_in_the_order_of_the_calls():
    plot = payoff_plot([SWEEP, MUTATION, POOL])
    assert [b.kind for b in plot.bars] == ["k2", "k0", "k1", "k0"]
    assert plot.names == [("k0", "mutation"), ("k1", "pool"), ("k2", "sweep")]
    heights = [b.height for b in plot.bars]
    assert heights[0] == 0 < heights[2] < heights[3] < heights[1] <= BOTTOM - TOP
    assert all(abs(b.y + b.height - BOTTOM) < 0.11 for b in plot.bars)
    assert [b.x for b in plot.bars] == sorted(b.x for b in plot.bars)
    assert plot.bars[1].title == "call 2, mutation: 6.0 nats for 1,000 tokens, 10 prompts"
    assert plot.calls == 4


def test_without_earnings_there_is_no_plot():
    assert payoff_plot([]) is payoff_plot([SWEEP]) is None
    assert payoff_plot([FinderUse(name="old", prompts=3, scored_tokens=9)]) is None


def test_many_finders_share_the_last_colour():
    plot = payoff_plot([use(f"finder-{n}", (n, 10.0 - n, 100)) for n in range(8)])
    assert [b.kind for b in plot.bars] == ["k0", "k1", "k2", "k3", "k4", "k5", "kx", "kx"]


def test_the_sentence():
    assert payoff_sentence([SWEEP, MUTATION, POOL]) == (
        "4 calls of 3 finders earned 12.5 nats for 10,000 tokens; mutation 80% of them for 40% of these."
    )
    assert payoff_sentence([SWEEP]) == "1 call of 1 finder earned 0.0 nats for 4,000 tokens."
    assert payoff_sentence([FinderUse(name="old", prompts=3, scored_tokens=9)]) == ""


def test_the_finders_line():
    assert searches([MUTATION, SWEEP]) == [
        "mutation made 20 prompts in 2 calls, 50 tokens scored, earned 10.0 nats",
        "sweep made 10 prompts, 50 tokens scored",
    ]


def test_the_page_shows_plot_and_table(report):
    shown = report.model_copy(update={"finders": (SWEEP, MUTATION, use(HOSTILE, (4, 1.0, 500)))})
    page = render_html(shown)
    assert_inert(page)
    assert page.count('<figure class="payoffs">') == 1
    text = Page(page).text
    assert "4 calls of 3 finders earned 11.0 nats for 8,500 tokens; mutation 91% of them" in text
    for word in ("nats earned", "Tokens, screening included", "4 calls, the first on the left"):
        assert word in text
    assert '<figure class="payoffs">' not in render_html(report)
