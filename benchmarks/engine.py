"""The engine's full command loop: risk, reservation, match, fees, positions, events.

On the flow of `curb bench book`, sent as commands of four portfolios. `same_result` says whether
the compiled build and plain Python end in the same state (1) or not (0). `pause_ms` is the longest
that one batch took, with the collector off as the cloud has it in what lives for ever, and on.
"""

from benchmarks._compile import CompileError, run_compiled, run_plain


def run() -> dict[str, float | int | str]:
    """Figures by name."""
    plain = run_plain("_engine_worker")
    figures: dict[str, float | int | str] = {"plain_commands_per_s": plain["commands_per_s"]}
    try:
        compiled = run_compiled("_engine_worker")
    except CompileError as problem:
        return {**figures, "not_compiled": str(problem)}
    figures |= {name: value for name, value in compiled.items() if name != "hash"}
    figures["same_result"] = int(compiled["hash"] == plain["hash"])
    return figures
