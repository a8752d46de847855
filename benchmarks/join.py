"""Several benches as one: tables, summary and page from those that `whatchanged bench` left. Later ones count first.

A bench of days is made in parts, on the same settings: `python benchmarks/join.py PART PART ... --out DIR`.
"""

import argparse
from pathlib import Path

from whatchanged.bench.harness.result import join
from whatchanged.bench.harness.store import load, save
from whatchanged.bench.harness.table import markdown


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", type=Path, nargs="+", help="directories that benches wrote")
    asked.add_argument("--out", type=Path, required=True, help="where the joined one goes")
    given = asked.parse_args()
    result = join([load(part) for part in given.parts])
    given.out.mkdir(parents=True, exist_ok=True)
    save(result, given.out)
    print(markdown(result), end="")


if __name__ == "__main__":
    main()
