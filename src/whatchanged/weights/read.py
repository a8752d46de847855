"""`open_checkpoint`: what a model spec names, as a list of tensors that nothing has read yet."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from whatchanged.errors import CheckpointError, SpecError
from whatchanged.subjects.sources import refuse_pickle
from whatchanged.subjects.spec import parse, resolve
from whatchanged.weights.adapter import Factors, read_adapter
from whatchanged.weights.gguf import read_gguf
from whatchanged.weights.stored import Tensor, read_header

_INDEX = "model.safetensors.index.json"
# Transformers' names and GGUF's; a head that is not stored is the embedding.
HEADS = ("lm_head.weight", "embed_out.weight", "output.weight")
EMBEDDINGS = (
    "model.embed_tokens.weight", "embed_tokens.weight", "transformer.wte.weight", "wte.weight",
    "gpt_neox.embed_in.weight", "embed_in.weight", "token_embd.weight",
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """The tensors by name. An adapter's changes are apart, as factors; `tensors` holds its base's weights."""

    spec: str
    tensors: dict[str, Tensor]
    factors: dict[str, Factors] = field(default_factory=dict)
    adapter_bytes: int = 0

    def find(self, name: str) -> tuple[Tensor | None, bool]:
        """The tensor that serves as `name`, and whether that is the embedding because the head is tied to it."""
        if name in self.tensors or name not in HEADS:
            return self.tensors.get(name), False
        embedding = next((self.tensors[n] for n in EMBEDDINGS if n in self.tensors), None)
        return embedding, embedding is not None


def open_checkpoint(spec: str, *, native: bool = True) -> Checkpoint:
    """List the tensors of a spec: a folder, a hub cache's folder, hf/ORG/NAME, an adapter, a file or `smollm2`.

    A GGUF file keeps GGUF's tensor names if `native`; else it is taken through the cached folder that
    audits use, in bfloat16 and under Transformers' names. Raises SpecError or CheckpointError.
    """
    target, pairs = parse(spec)
    if others := [name for name, _ in pairs if name != "base"]:
        raise SpecError(f"'{spec}': +{others[0]} is applied at run time and is in no checkpoint; leave it out")
    if native and is_gguf(spec):
        return Checkpoint(spec, _by_name(target, read_gguf(Path(target))))
    if target.endswith(".safetensors") and os.path.isfile(target):
        return Checkpoint(spec, _by_name(target, read_header(Path(target))))
    folder = _snapshot(target)
    if folder is not None and not (folder / "adapter_config.json").is_file():
        return Checkpoint(spec, _folder(folder))
    found = resolve(str(folder or target), dict(pairs).get("base"))
    tensors = _folder(found.folder)
    if found.adapter is None:
        return Checkpoint(spec, tensors)
    adapter = read_adapter(found.adapter, tensors)
    return Checkpoint(spec, tensors | adapter.replaced, adapter.factors, adapter.nbytes)


def is_gguf(spec: str) -> bool:
    """Whether the spec names a GGUF file."""
    return parse(spec)[0].endswith(".gguf")


def _snapshot(target: str) -> Path | None:
    """The folder itself; of a hub cache's models--ORG--NAME folder, the snapshot that `main` points at."""
    folder = Path(target)
    if not os.path.isdir(target):
        return None
    if not (folder / "snapshots").is_dir():
        return folder
    main = folder / "refs" / "main"
    snapshots = sorted(path for path in (folder / "snapshots").iterdir() if path.is_dir())
    if main.is_file() and (folder / "snapshots" / main.read_text().strip()).is_dir():
        return folder / "snapshots" / main.read_text().strip()
    if len(snapshots) != 1:
        raise SpecError(f"'{folder}' holds {len(snapshots)} snapshots and no main: name one of those folders")
    return snapshots[0]


def _folder(folder: Path) -> dict[str, Tensor]:
    refuse_pickle(folder)
    index = folder / _INDEX
    if index.is_file():
        try:
            wanted = dict(json.loads(index.read_text())["weight_map"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"'{index}' cannot be read: download it again ({error})") from None
        names = sorted(set(wanted.values()))
    else:
        names = ["model.safetensors"] if (folder / "model.safetensors").is_file() else _loose(folder)
    if not names:
        raise CheckpointError(f"'{folder}' holds no safetensors file: give a folder with weights in it")
    return _by_name(str(folder), [tensor for name in names for tensor in read_header(_inside(folder, name))])


def _loose(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.safetensors") if file.name != "adapter_model.safetensors")


def _inside(folder: Path, name: str) -> Path:
    # An index comes from a stranger: it may not name files elsewhere.
    if Path(name).name != name or not (folder / name).is_file():
        raise CheckpointError(
            f"'{folder / _INDEX}' names the file '{name}', which is not in the folder: download it again"
        )
    return folder / name


def _by_name(where: str, tensors: list[Tensor]) -> dict[str, Tensor]:
    named = {tensor.name: tensor for tensor in tensors}
    if len(named) < len(tensors):
        raise CheckpointError(f"'{where}' holds a tensor twice: keep one set of files or an index beside them")
    return named
