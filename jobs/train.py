"""spark-submit jobs/train.py --config FILE --workdir DIR [--set a.b=c]: the train stage alone."""

import sys

from synth.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
