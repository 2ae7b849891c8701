"""What commands can be told, and what they are told by default.

Every option is a typed field with one line of help, from which ``--help`` is written. Nothing heavy is imported here: a
wrong name is answered at once.
"""
