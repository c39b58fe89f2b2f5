"""What ranks that wait cost others: the same total work, steps of computing and of three collectives, on as many ranks as cores and on four
times as many, alternating. Needs `ninja waiting_ranks` (COHORT_BUILD_BENCH). The ratio of speeds says how much is lost: at least 1 / 1.3."""

import os

import harness


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--few", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--many", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--units", type=int, default=8_000_000, help="of computing in a step, over all ranks; 8 million are some 10 ms of two cores")
    options = parser.parse_args()
    program = options.program.parent / "bin" / "waiting_ranks"

    def speed(ranks):
        # Not bound to cores: where there are more ranks than cores, they aren't either.
        return lambda: options.steps / harness.last_json(harness.run("mpirun", "--bind-to", "none", "-n", ranks, program, options.steps, options.units))["seconds"]

    before = harness.machine()
    few, many = f"{options.few} ranks", f"{options.many} ranks"
    figures = harness.alternate({few: speed(options.few), many: speed(options.many)}, options.repetitions, unit="steps/s")
    harness.record("waiting_ranks", f"the same work on more ranks ({os.cpu_count()} cores)", figures, [many], vars(options), before, {}, unit="steps/s")


if __name__ == "__main__":
    main()
