"""Draw (or go on drawing) a pool of specimens.

python training/make_pool.py DIR --seed 101 --count 7000 --strata clean phone hard [--plain] [--workers 2]
"""

import argparse
import sys
from pathlib import Path

from ktp_specimen.generate import SpecimenSettings, write_specimens
from ktp_specimen.strata import Stratum


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--strata", nargs="+", type=Stratum, required=True)
    parser.add_argument("--plain", action="store_true", help="as the sandbox draws them: for measuring")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    settings = SpecimenSettings(
        arguments.out,
        arguments.seed,
        arguments.count,
        tuple(arguments.strata),
        training=not arguments.plain,
        workers=arguments.workers,
    )
    for done in write_specimens(settings):
        if done % 100 == 0 or done == arguments.count:
            print(f"{arguments.out}: {done} of {arguments.count}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
