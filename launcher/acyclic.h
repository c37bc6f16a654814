/* Included before everything else when the engine is compiled; see compiled.py.
 *
 * A class that mypyc is told to be acyclic is not known to the garbage collector, but mypyc 2.4 lets
 * its objects be put off to the trashcan all the same when many nested containers end at once. CPython
 * 3.11 and 3.12 then write into the collector's header, which such objects do not have: into the memory
 * in front of them. So only objects that have the header are put off. Goes when mypyc does this itself.
 */
#include <Python.h>
/* The small file that only loads the others is compiled without mypyc's headers. */
#if __has_include("CPy.h")
#include "CPy.h"

#undef CPy_TRASHCAN_BEGIN
#define CPy_TRASHCAN_BEGIN(op, dealloc)                        \
    Py_TRASHCAN_BEGIN_CONDITION(                               \
        op,                                                    \
        PyObject_IS_GC((PyObject *)(op)) &&                    \
            _PyTrash_cond((PyObject *)(op), (destructor)(dealloc)))
#endif
