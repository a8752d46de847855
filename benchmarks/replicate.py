"""Every confirmed finding of a run again, on 2,000 fresh independent samples a model: is it past its margin?

    python benchmarks/replicate.py RUN
Fresh prompts: those of the pool's confirmation side in the region, many independent draws each; independent of the
audit's random numbers (another seed). Also prints the organism's separately measured rate, where it has one.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from common import save
from whatchanged import read_report
from whatchanged.config import AuditConfig
from whatchanged.pools import load_pools, split
from whatchanged.predicates import load
from whatchanged.subjects import Continue, open_subjects, stream_key

SAMPLES = 2000


def rate(subject, predicate, prompts, length, seed):
    """Share of SAMPLES fresh responses that satisfy the predicate, spread evenly over the prompts."""
    asked = [prompts[i % len(prompts)] for i in range(SAMPLES)]
    requests = [Continue(subject.encode(p), (), stream_key("replicate", seed, p.id, i)) for i, p in enumerate(asked)]
    drawn = subject.sample(requests, length)
    scores = [predicate.score(subject.detokenize(d.tokens), p) for p, d in zip(asked, drawn, strict=True)]
    return float(np.mean(scores)), float(np.std(scores) / np.sqrt(len(scores)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    report = read_report(run)
    fields = {k: v for k, v in report.config.items() if k in AuditConfig.model_fields}
    config = AuditConfig.model_validate(fields)
    limits = config.limits
    pool = split(load_pools(config.pool), limits.discovery_prompts, limits.confirmation_prompts, config.seed)
    base, candidate = open_subjects([config.base, config.candidate])
    rows = []
    for finding in report.confirmed:
        predicate = load(finding.predicate)
        prompts = [p for p in pool.confirmation if finding.region.contains(p)]
        length = limits.response_tokens
        p, p_error = rate(base, predicate, prompts, length, 1)
        q, q_error = rate(candidate, predicate, prompts, length, 2)
        sign = 1 if finding.direction == "more" else -1
        rows.append(
            {
                "sentence": finding.sentence,
                "reported": [finding.ci_low, finding.effect, finding.ci_high],
                "replicated": round(q - p, 4),
                "standard_error": round(float(np.hypot(p_error, q_error)), 4),
                "past_margin": sign * (q - p) > finding.margin,
                "inside_interval": finding.ci_low <= q - p <= finding.ci_high,
            }
        )
        print(rows[-1], flush=True)
    truth = Path(config.candidate) / "truth.json"
    measured = json.loads(truth.read_text())["rates"] if truth.is_file() else {}
    save(f"replicate-{Path(config.candidate).name}", {"run": run.name, "truth": measured, "findings": rows})


if __name__ == "__main__":
    main()
