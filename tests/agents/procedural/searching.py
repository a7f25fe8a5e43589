"""A binary search: a loop that many changes make endless."""

SEARCH = """\
def search(values, wanted):
    low, high = 0, len(values) - 1
    while low <= high:
        middle = (low + high) // 2
        if values[middle] == wanted:
            return middle
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    raise ValueError("not found")
"""
