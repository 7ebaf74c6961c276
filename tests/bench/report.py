"""report - what was measured, as tables: a row for each program, medians over its
rounds, and how they compare with postrider's of the same rounds."""
import statistics

OURS = "postrider"


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratio(runs, ours, what):
    """The median over rounds that both have; what: a key of a run."""
    mine = {run["round"]: run[what] for run in ours}
    pairs = [(run[what], mine[run["round"]]) for run in runs
             if run["round"] in mine]
    return median(a / b for a, b in pairs if a is not None and b)


def summary(runs, ours):
    """One row. runs: of one program in one scenario and mode; ours: of
    postrider. A key that does not apply is None."""
    first = runs[0]
    count, octets = first["count"], first["octets"]
    wall = median(run["wall"] for run in runs)
    cpu = median(run["cpu"] for run in runs)
    trips = median(run["trips"] for run in runs)
    rtt = first["rtt"]
    moved = not first["idle"]
    per = count if moved else 1
    return {
        "program": first["program"], "rounds": len(runs), "wall": wall,
        "least": min(run["wall"] for run in runs),
        "most": max(run["wall"] for run in runs),
        "messages_per_s": count / wall if moved else None,
        "mb_per_s": octets / wall / 1e6 if moved else None,
        "cpu_ms_per_message": None if cpu is None else cpu * 1e3 / per,
        "cpu_s_per_gb": cpu * 1e9 / octets if moved and cpu is not None else None,
        "memory_kib": max((run["memory"] for run in runs if run["memory"]),
                          default=None),
        "trips": trips,
        "trips_per_message": trips / per if trips is not None else None,
        "wall_per_rtt": wall / rtt if rtt else None,
        "wall_ratio": ratio(runs, ours, "wall"),
        "cpu_ratio": ratio(runs, ours, "cpu"),
    }


def number(value, digits=1):
    if value is None:
        return "-"
    if value >= 100:
        digits = 0
    return f"{value:.{digits}f}"


def spread(row):
    text = number(row["wall"], 3)
    if row["rounds"] > 1:
        text += f" ({number(row['least'], 3)}-{number(row['most'], 3)})"
    return text


def columns(idle, delayed):
    """(heading, what of a row) of each column."""
    chosen = [("program", lambda r: r["program"]), ("wall s", spread)]
    if not idle:
        chosen += [("msg/s", lambda r: number(r["messages_per_s"])),
                   ("MB/s", lambda r: number(r["mb_per_s"]))]
    chosen.append(("CPU ms" if idle else "CPU ms/msg",
                   lambda r: number(r["cpu_ms_per_message"], 2)))
    if not idle:
        chosen.append(("CPU s/GB", lambda r: number(r["cpu_s_per_gb"], 2)))
    chosen.append(("RSS MiB", lambda r: number(
        r["memory_kib"] and r["memory_kib"] / 1024)))
    if delayed:
        chosen.append(("trips", lambda r: number(r["trips"])))
        if not idle:
            chosen.append(("/msg", lambda r: number(r["trips_per_message"], 2)))
        chosen.append(("wall/RTT", lambda r: number(r["wall_per_rtt"])))
    return chosen + [("x wall", lambda r: number(r["wall_ratio"], 2)),
                     ("x CPU", lambda r: number(r["cpu_ratio"], 2)),
                     ("rounds", lambda r: str(r["rounds"]))]


def table(rows, idle, delayed):
    chosen = columns(idle, delayed)
    lines = [[heading for heading, _ in chosen]]
    lines += [[show(row) for _, show in chosen] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(
        cell.ljust(width) if n == 0 else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)
