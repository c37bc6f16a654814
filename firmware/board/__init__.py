"""Pin maps and constructors, one module a board; all offer `build()`, which gives a Board."""
