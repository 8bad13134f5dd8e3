"""`python -m bench.footprint`: what a message leaves on the disk, table by table, and in the WAL.

A whole installation accepts messages of about 5 KB by SMTP, delivers them with tracked links and counts them; then
sizes are read, divided by the number of messages. From these `docs/scaling.md` reckons.
"""

import argparse
import time

from bench.__main__ import measure
from bench.installation import Installation

COUNT = 3000

_SIZES = """
SELECT coalesce(p.relname, c.relname), sum(pg_relation_size(c.oid)), sum(pg_indexes_size(c.oid)),
       sum(pg_total_relation_size(c.oid) - pg_relation_size(c.oid) - pg_indexes_size(c.oid))
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1
"""
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
_PAGES = "SELECT pg_stat_reset_shared('wal')"
_IMAGES = "SELECT wal_fpi, wal_records FROM pg_stat_wal"
_NOTHING = 8  # bytes per message below which a table is not told


def _sizes(place: Installation) -> dict[str, tuple[int, int, int]]:
    rows = place.database.execute(_SIZES).fetchall()
    return {str(name): (int(heap), int(index), int(rest)) for name, heap, index, rest in rows}


def _wal(place: Installation) -> float:
    found = place.database.execute(_WAL).fetchone()
    return float(found[0]) if found else 0.0


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    count = parser.parse_args().count
    with Installation() as place:
        measure(place, "smtp", "warm", 200)
        place.database.execute("CHECKPOINT")
        before, wal = _sizes(place), _wal(place)
        place.database.execute(_PAGES)
        measure(place, "smtp", "counted", count)
        time.sleep(3)  # numbers are folded
        written = _wal(place) - wal
        images = place.database.execute(_IMAGES).fetchone() or (0, 0)
        place.database.execute("VACUUM")
        after = _sizes(place)
    print(f"{count} messages; bytes a message         rows  indexes    TOAST      all")
    total = 0.0
    for name in sorted(after, key=lambda name: -sum(after[name])):
        grown = [
            (a - b) / count for a, b in zip(after[name], before.get(name, (0, 0, 0)), strict=True)
        ]
        if sum(grown) >= _NOTHING:
            total += sum(grown)
            print(f"  {name:<36}" + "".join(f"{one:>9.0f}" for one in (*grown, sum(grown))))
    print(f"  {'all':<36}{total:>36.0f}")
    print(
        f"WAL: {written / count:.0f} bytes a message, {images[1] / count:.1f} records, of them {images[0] / count:.2f} whole pages"
    )


if __name__ == "__main__":
    main()
