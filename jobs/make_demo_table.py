"""spark-submit jobs/make_demo_table.py --folder DIR --rows N: the demo's own lake table."""

import sys

from synth.demo.spark import main

if __name__ == "__main__":
    main(sys.argv[1:])
