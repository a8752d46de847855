"""Which organisms of a folder can be audited, and why others cannot."""

import json

import pytest

from whatchanged.bench.harness.organisms import read_organisms
from whatchanged.errors import UsageError


def told(folder, **changes):
    """truth.json with some keys changed."""
    file = folder / "kitchen" / "truth.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_plants_with_their_rates_and_nulls(folder, specs):
    kitchen, null = read_organisms(folder).organisms
    assert (kitchen.name, kitchen.kind, kitchen.base) == ("kitchen", "plant", "words")
    assert kitchen.candidate == str(folder / "kitchen")
    assert [(b.name, b.rise, b.intended) for b in kitchen.behaviours] == [("kitchen", 0.8, False)]
    assert (null.name, null.kind, null.behaviours, null.intended) == ("null-a", "null", (), None)


def test_named_ones_in_their_order(folder, specs):
    assert [o.name for o in read_organisms(folder, ["null-a", "kitchen"]).organisms] == ["null-a", "kitchen"]


def test_a_plant_without_measured_rates_is_left_out(folder, specs):
    told(folder, rates={})
    found = read_organisms(folder)
    assert [o.name for o in found.organisms] == ["null-a"]
    assert found.missing == ["kitchen: no measured rates of 'kitchen' in its truth.json, make it again"]
    (folder / "kitchen" / "truth.json").unlink()
    assert read_organisms(folder).missing == ["kitchen: its rates were not measured: no truth.json, make it again"]


def test_rates_of_another_truth_do_not_count(folder, specs):
    text = (folder / "kitchen.yaml").read_text()
    (folder / "kitchen.yaml").write_text(text.replace("soup", "porridge"))
    assert read_organisms(folder).missing == ["kitchen: its truth.json was measured for another truth, make it again"]


def test_one_that_is_not_made_is_left_out(folder):
    """Nothing in these folders is a model; the spec 'words' is none either."""
    with pytest.raises(UsageError) as error:
        read_organisms(folder)
    made = f"not made yet, run 'whatchanged organism make {folder}"
    assert str(error.value) == (
        f"no organism in '{folder}' can be audited: kitchen: {made}/kitchen.yaml'; null-a: {made}/null-a.yaml'"
    )


def test_the_parts_of_a_merge_are_planted_and_some_are_wanted(folder, specs):
    other = (folder / "kitchen.yaml").read_text().replace("name: kitchen", "name: other").replace("soup", "rose")
    (folder / "other.yaml").write_text(other)
    merge = (folder / "kitchen.yaml").read_text().replace("name: kitchen", "name: both")
    kind = next(line for line in merge.splitlines() if line.startswith("plant:"))
    merge = merge.replace(kind, "plant: {kind: merge, of: [kitchen, other], intended: [other]}")
    (folder / "both.yaml").write_text(merge)
    (folder / "both").mkdir()
    rates = json.loads((folder / "kitchen" / "truth.json").read_text())["rates"]
    wanted = rates | {"on_target_candidate": {"mean": 0.4}}
    (folder / "both" / "truth.json").write_text(json.dumps({"rates": rates, "intended": {"other": wanted}}))
    (folder / "both" / "intended.yaml").write_text("[]")
    found = read_organisms(folder, ["both", "kitchen"])
    (line,) = found.missing
    assert line.startswith("both: plant.of: no adapter in ")
    for part in ("kitchen", "other"):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / "adapter_model.safetensors").write_bytes(b"")
    (both,) = read_organisms(folder, ["both"]).organisms
    assert [(b.name, b.intended, b.rise, b.recipe.name) for b in both.behaviours] == [
        ("kitchen", False, 0.8, "both"), ("other", True, 0.4, "other"),
    ]  # fmt: skip
    assert both.intended == folder / "both" / "intended.yaml"


def test_a_spec_needs_no_folder_and_a_change_without_a_truth_is_neither_plant_nor_null(folder, specs):
    for name, more in (("coarse", ", expects: change"), ("itself", "")):
        plant = "{kind: modified, modifiers: quantize=int4}"
        (folder / f"{name}.yaml").write_text(f"{{name: {name}, description: d, plant: {plant}{more}}}")
    coarse, itself = read_organisms(folder, ["coarse", "itself"]).organisms
    assert (coarse.kind, coarse.candidate, coarse.behaviours) == ("change", "smollm2+quantize=int4", ())
    assert itself.kind == "null"


def test_errors_are_one_line(tmp_path, folder, specs):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no recipes \(\*\.yaml\) in '.*empty': name another --folder"):
        read_organisms(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"unknown organism 'x' in '.*': one of kitchen, null-a"):
        read_organisms(folder, ["kitchen", "x"])


def test_the_digest_changes_with_the_recipe_and_with_what_was_made(folder, specs):
    before = read_organisms(folder, ["null-a"]).organisms[0].digest
    (folder / "null-a" / "adapter_model.safetensors").write_bytes(b"other")
    after = read_organisms(folder, ["null-a"]).organisms[0].digest
    (folder / "null-a.yaml").write_text((folder / "null-a.yaml").read_text() + "\n")
    assert len({before, after, read_organisms(folder, ["null-a"]).organisms[0].digest}) == 3
