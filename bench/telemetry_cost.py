"""What recording costs: the steps of train_steps (batches in memory) with the recorder's spans and without, in pairs that alternate; and an event by itself (`record_` of cohort_bench).
Needs `ninja train_steps cohort_bench` (COHORT_BUILD_BENCH)."""

import json
import statistics

import harness


def main():
    parser = harness.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=1024, help="rows a rank")
    parser.add_argument("--nets", nargs="+", default=["mlp", "dlrm"])
    options = parser.parse_args()
    programs = options.program.parent / "bin"
    before = harness.machine()
    events, found = {}, {}
    figures = {}

    def speed(net, *more):
        def measure():
            report = harness.last_json(harness.run("mpirun", "-n", 2, programs / "train_steps", "--net", net, "--batch", options.batch, "--steps", options.steps, "--lanes", 4, *more))
            if not more:
                events[net] = report["events_per_step"]
            return 1e3 / report["ms_per_step"]
        return measure

    for net in options.nets:
        pair = harness.alternate({f"{net}, recorded": speed(net), f"{net}, without spans": speed(net, "--no-spans")}, options.repetitions, unit="steps/s")
        with_, without = pair.values()
        found[net] = {"events a step": events[net], "loss by pairs, share": [1 - a / b for a, b in zip(with_, without)], "median loss": 1 - statistics.median(a / b for a, b in zip(with_, without))}
        figures |= pair
    alone = json.loads(harness.run(programs / "cohort_bench", "--benchmark_filter=record_", "--benchmark_format=json"))
    found["ns an event"] = {one["name"]: one["real_time"] for one in alone["benchmarks"]}
    for net in options.nets:
        span = found["ns an event"]["record_a_span"]
        found[net]["events' own time, share"] = events[net] * span * 1e-9 * statistics.median(figures[f"{net}, recorded"])
    print(json.dumps(found, indent=2))
    harness.record("telemetry_cost", "training steps with and without the recorder's spans", figures, [], vars(options), before, {}, unit="steps/s",
                   pairs=[(f"{net}, recorded", f"{net}, without spans") for net in options.nets], found=found)


if __name__ == "__main__":
    main()
