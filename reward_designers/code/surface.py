"""What a reward program may name: of numpy and math, and of the attributes of values. Everything else is refused.

The list is what rewards are written with. It leaves out what reads or writes files (``load``, ``fromfile``, ``memmap``,
``DataSource``), reaches memory (``ctypes``, ``as_strided``, ``setflags``), runs text (``f2py``, ``format``) or draws
random numbers. It is there for good errors; what contains a program is the sandbox.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMPY = _words(
    """
    pi e inf nan newaxis euler_gamma
    abs absolute fabs sign positive negative add subtract multiply divide true_divide floor_divide mod remainder fmod
    power float_power square sqrt cbrt reciprocal exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2
    sin cos tan arcsin arccos arctan arctan2 asin acos atan atan2 sinh cosh tanh arcsinh arccosh arctanh hypot sinc
    deg2rad rad2deg degrees radians unwrap i0 heaviside
    maximum minimum fmax fmin clip round around rint floor ceil trunc fix copysign spacing nan_to_num
    greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not logical_xor
    isfinite isinf isnan isclose allclose array_equal any all where select piecewise choose
    bitwise_and bitwise_or bitwise_xor invert
    sum prod mean average std var median percentile quantile max min amax amin ptp argmax argmin cumsum cumprod diff
    ediff1d gradient nansum nanprod nanmean nanstd nanvar nanmedian nanmax nanmin nanargmax nanargmin nanpercentile
    count_nonzero nonzero flatnonzero argwhere searchsorted digitize interp convolve correlate trapezoid
    dot vdot inner outer matmul vecdot tensordot einsum cross kron trace diag diagonal diagflat tril triu
    array asarray asanyarray ascontiguousarray copy zeros ones full empty zeros_like ones_like full_like empty_like
    arange linspace logspace geomspace eye identity meshgrid indices
    reshape ravel transpose permute_dims swapaxes moveaxis squeeze expand_dims broadcast_to broadcast_arrays
    atleast_1d atleast_2d atleast_3d concatenate concat stack vstack hstack dstack column_stack split array_split
    hsplit vsplit tile repeat flip fliplr flipud roll rot90 pad append delete insert take take_along_axis
    put_along_axis sort argsort partition argpartition unique polyval polyfit isin triu_indices tril_indices
    real imag angle conj apply_along_axis vectorize shape size ndim result_type finfo iinfo
    ndarray dtype generic number floating integer float16 float32 float64 double single int8 int16 int32 int64 intp
    uint8 uint16 uint32 uint64 bool bool_ errstate linalg
    """
)
LINALG = _words("norm det slogdet inv pinv solve lstsq cholesky qr svd eigh eigvalsh matrix_power vector_norm")
MATH = _words(
    """
    pi e tau inf nan sqrt cbrt exp exp2 expm1 log log2 log10 log1p pow sin cos tan asin acos atan atan2 sinh cosh tanh
    asinh acosh atanh hypot degrees radians fabs floor ceil trunc fmod remainder copysign isfinite isinf isnan isclose
    fsum prod dist erf erfc gamma lgamma comb perm factorial gcd lcm ldexp
    """
)
TYPING = _words("Any Callable Dict Final List Mapping Optional Sequence Set Tuple Union")

VALUES = _words(
    """
    T all any argmax argmin argsort astype clip copy cumprod cumsum diagonal dot dtype fill flatten item max mean min
    ndim nonzero prod ravel real repeat reshape round shape size sort squeeze std sum swapaxes take tolist trace
    transpose var eps tiny
    accumulate reduce
    add append count difference endswith extend get index insert intersection issubset issuperset items join keys lower
    pop remove replace reverse setdefault split startswith strip union update upper values
    """
)
"""Attributes of arrays, numbers, text, lists, dicts and sets."""

REASONS = {
    "random": "a reward is a function of the transition, so there are no random numbers",
    "print": "nothing is printed: return what you want to see as a component",
    "format": "use an f-string",
    "format_map": "use an f-string",
    "open": "there are no files",
    "load": "there are no files",
    "save": "there are no files",
    "eval": "code is not run from text",
    "exec": "code is not run from text",
    "getattr": "name the attribute",
    "setattr": "nothing is stored between calls",
    "hasattr": "all arguments are arrays",
    "globals": "constants and helper functions have names",
    "type": "all arguments are arrays",
    "torch": "arguments are numpy arrays: use np",
    "jnp": "arguments are numpy arrays: use np",
    "self": "there is no object: reward is a plain function, and its arguments name what it reads",
}
"""What to do instead, for names that language models like."""
