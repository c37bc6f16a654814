"""The end of a text, for patterns of the API: Python's `$` alone would let a line break follow.

`\\Z` says the same in Python, but the patterns are published in the API's description, whose
readers use JavaScript's expressions: these know no `\\Z`, and this one both understand alike.
"""

from typing import Final

END: Final = r"$(?!\n)"
