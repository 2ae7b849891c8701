"""The process in which a program written by a language model runs, and the parent's side of it.

`worker` is the program that the child runs, in a fresh interpreter; `lockdown` and `seccomp` are what it does to itself
before it sees a line of that program; `protocol` is what both sides say to each other; `client` is the parent's side.

The child knows this folder as the package ``sandbox`` (so that none of the kit's other modules is loaded there), hence
the relative imports, and hence nothing is imported here.
"""
