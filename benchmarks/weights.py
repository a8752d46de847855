"""`weights` on a synthetic sharded pair: time against merely reading both sides, peak memory against the largest pair.

Each side of the comparison runs in a process of its own, on files that were read once before (a warm page cache,
where it has the room), so that neither the disk nor the other's memory counts.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from common import save
from whatchanged.weights import open_checkpoint, weight_diff
from whatchanged.weights.dtypes import to_bfloat16

BLOCK = 1 << 20
SHARD = 2 << 30


def shapes(layers: int, width: int, inner: int, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """A Llama's."""
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, width)}
    for i in range(layers):
        part = f"model.layers.{i}."
        found |= {f"{part}self_attn.{n}_proj.weight": (width if n in "qo" else width // 4, width) for n in "qkvo"}
        found |= {f"{part}mlp.{n}_proj.weight": (inner, width) for n in ("gate", "up")}
        found |= {f"{part}mlp.down_proj.weight": (width, inner), f"{part}input_layernorm.weight": (width,)}
    return found | {"lm_head.weight": (vocabulary, width)}


def make(folder: Path, tensors: dict[str, tuple[int, ...]], tuned: bool) -> None:
    """Write bfloat16 shards with an index; `tuned` moves every entry: noise, and four directions a matrix."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    for name, shape in tensors.items():
        if sum(2 * int(np.prod(s)) for s in shards[-1].values()) > SHARD:
            shards.append({})
        shards[-1][name] = shape
    index: dict[str, str] = {}
    for n, shard in enumerate(shards):
        file = f"model-{n + 1:05d}-of-{len(shards):05d}.safetensors"
        index |= dict.fromkeys(shard, file)
        header, offset = {}, 0
        for name, shape in shard.items():
            size = 2 * int(np.prod(shape))
            header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
            offset += size
        head = json.dumps(header).encode()
        with (folder / file).open("wb") as stream:
            stream.write(len(head).to_bytes(8, "little") + head)
            for name, shape in shard.items():
                for block in values(name, shape, tuned):
                    stream.write((to_bfloat16(block).view("<u4") >> 16).astype("<u2").tobytes())
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))


def values(name: str, shape: tuple[int, ...], tuned: bool) -> Iterator[np.ndarray]:
    """float32 blocks of rows of one tensor, the same base values for both sides."""
    columns = shape[-1]
    rows = int(np.prod(shape[:-1]))
    seed = list(name.encode())
    base, change = np.random.default_rng(seed), np.random.default_rng([*seed, 1])
    right = change.standard_normal((4, columns), np.float32)
    step = max(1, BLOCK // columns)
    for start in range(0, rows, step):
        size = (min(step, rows - start), columns)
        block = 0.02 * base.standard_normal(size, np.float32)
        if tuned:
            left = change.standard_normal((size[0], 4), np.float32)
            block += 0.0003 * change.standard_normal(size, np.float32) + 0.0003 * left @ right
        yield block


def read_only(base: str, candidate: str) -> float:
    """|dW|_F over everything: both sides read, widened, subtracted, squared; nothing else. Two threads as well."""
    a, b = open_checkpoint(base).tensors, open_checkpoint(candidate).tensors

    def one(name: str) -> float:
        rows = max(1, (1 << 18) // a[name].columns)
        total = 0.0
        for raw_a, raw_b in zip(a[name].raw_blocks(rows), b[name].raw_blocks(rows), strict=True):
            delta = (b[name].values(raw_b) - a[name].values(raw_a)).reshape(-1)
            total += float(np.dot(delta, delta))
        return total

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return float(np.sqrt(sum(pool.map(one, sorted(a, key=lambda name: -a[name].nbytes)))))


def run(mode: str, base: Path, candidate: Path) -> dict[str, float]:
    """One mode in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", mode, str(base), str(candidate)],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def child(mode: str, base: str, candidate: str) -> None:
    began = time.perf_counter()
    norm: float
    if mode == "read":
        norm = read_only(base, candidate)
    else:
        diff = weight_diff(base, candidate)
        norm = float(np.sqrt(sum(t.delta_norm**2 for t in diff.tensors)))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "norm": norm}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=8.0, help="Size of one side.")
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--vocabulary", type=int, default=128_256)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="Where the pair is made; default: a temporary folder.")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    width, inner = arguments.width, 7 * arguments.width // 2
    fixed = 2 * 2 * arguments.vocabulary * width
    layer = 2 * (width * width * 5 // 2 + 3 * inner * width)
    layers = max(1, -(-(int(arguments.gb * 1e9) - fixed) // layer))
    tensors = shapes(layers, width, inner, arguments.vocabulary)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        base, candidate = Path(scratch, "base"), Path(scratch, "candidate")
        make(base, tensors, tuned=False)
        make(candidate, tensors, tuned=True)
        run("read", base, candidate)
        rounds = [{mode: run(mode, base, candidate) for mode in ("read", "weights")} for _ in range(arguments.rounds)]
    largest = 2 * max(2 * int(np.prod(shape)) for shape in tensors.values())
    best = {mode: min(r[mode]["seconds"] for r in rounds) for mode in ("read", "weights")}
    peak = max(r["weights"]["peak_bytes"] for r in rounds)
    save(
        "weights",
        {
            "gb_a_side": round(sum(2 * int(np.prod(shape)) for shape in tensors.values()) / 1e9, 2),
            "layers": layers,
            "seconds": {mode: round(seconds, 2) for mode, seconds in best.items()},
            "times_reading": round(best["weights"] / best["read"], 2),
            "largest_pair_mb": round(largest / 1e6),
            "peak_mb": round(peak / 1e6),
            "peak_allowed_mb": round((3 * largest + 500e6) / 1e6),
            "norms": [r[mode]["norm"] for r in rounds for mode in ("read", "weights")],
        },
    )


if __name__ == "__main__":
    main()
