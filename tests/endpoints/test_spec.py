"""Names of models behind an interface, and what they may carry."""

import subprocess
import sys

import pytest

from whatchanged.endpoints import is_endpoint, parse_endpoint
from whatchanged.endpoints.spec import FREE, IN_PROCESS, LOADING, PROVIDERS, Price
from whatchanged.errors import SpecError


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("openai/gpt-4o", True),
        ("openai-api/llama/smollm2+system=Be brief.", True),
        ("mockllm/model", True),
        ("hf/org/name", False),
        ("smollm2", False),
        ("openai", False),
        ("./openai/gpt", False),
        ("/openai/gpt", False),
        ("organisms/kitchen-opening", False),
        ("a\0b/c", False),
        ("", False),
    ],
)
def test_is_endpoint(spec, expected):
    assert is_endpoint(spec) is expected


def test_a_path_of_that_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "openai" / "gpt").mkdir(parents=True)
    assert not is_endpoint("openai/gpt")
    assert not is_endpoint("openai/gpt+quantize=int8")
    assert is_endpoint("openai/other")


def test_providers_are_those_that_inspect_has():
    from inspect_ai._util.registry import registry_find, registry_unqualified_name

    known = {registry_unqualified_name(i) for i in registry_find(lambda i: i.type == "modelapi")}
    assert known == PROVIDERS
    assert PROVIDERS > FREE > LOADING
    assert FREE > IN_PROCESS


def test_a_spec_is_taken_apart():
    whole = parse_endpoint('openai-api/a/b+c:free+extra={"top_k":0,"x":"a+b=c"}+price=1.5/2')
    assert whole.model == "openai-api/a/b+c:free"
    assert whole.extra == {"top_k": 0, "x": "a+b=c"}
    assert whole.price == Price(1.5, 2)
    assert whole.price.of(2_000_000, 500_000) == 4.0
    assert whole.provider == "openai-api"


def test_identity_tells_extras_apart_and_not_prices():
    plain, priced, one, same, other = (
        parse_endpoint(f"openai/x{tail}").identity
        for tail in ("", "+price=1/2", '+extra={"a":1,"b":2}', '+extra={"b":2,"a":1}', '+extra={"a":2}')
    )
    assert plain == priced == "openai/x"
    assert one == same
    assert len({plain, one, other}) == 3


@pytest.mark.parametrize(
    "tail",
    ["extra=", "extra=[1]", "extra={", "extra=" + "[" * 99_999, "price=", "price=1", "price=1/2/3", "price=a/b",
     "price=-1/2", "price=nan/1", "price=1/inf"],
)  # fmt: skip
def test_unreadable_options_are_the_users_mistake(tail):
    with pytest.raises(SpecError, match=tail.split("=")[0] + "=") as caught:
        parse_endpoint(f"openai/x+{tail}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_importing_the_room_is_cheap():
    code = "import sys, whatchanged.endpoints as e; e.is_endpoint('openai/x'); e.parse_endpoint('openai/x')"
    code += "; print({'inspect_ai', 'openai', 'httpx', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr
