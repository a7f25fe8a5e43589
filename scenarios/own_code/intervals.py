"""More of the stand-in: half-open intervals as pairs of whole numbers."""


def merge(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the intervals sorted by start, with those that overlap or touch made one; empty ones are left out."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            last_start, last_end = merged[-1]
            merged[-1] = (last_start, max(last_end, end))
        else:
            merged.append((start, end))
    return merged


def total_length(intervals: list[tuple[int, int]]) -> int:
    """Return how many whole numbers lie in at least one of the intervals."""
    return sum(end - start for start, end in merge(intervals))


def clamp(value: int, low: int, high: int) -> int:
    """Return the value, or the nearer end of the range from low to high when it lies outside.

    Raises ValueError when low is greater than high.
    """
    if low > high:
        raise ValueError(f"low {low} is greater than high {high}")
    if value < low:
        return low
    if value > high:
        return high
    return value
