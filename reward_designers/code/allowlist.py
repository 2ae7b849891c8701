"""The syntax that a reward program may use: a walk over its tree that refuses everything not listed."""

from __future__ import annotations

import ast
import copy
import symtable
import warnings
from typing import Any, NoReturn

from reward_designers.code.sandbox.namespace import BUILTINS
from reward_designers.code.surface import LINALG, MATH, NUMPY, REASONS, TYPING, VALUES
from reward_designers.code.text import sanitized
from reward_designers.errors import RewardError, unknown_name

SURFACES = {"numpy": NUMPY, "math": MATH, "typing": TYPING, "numpy.linalg": LINALG}
DROPPED = ("__future__", "typing", "numpy.typing")
"""Modules whose names only annotations use."""

_SYNTAX = """
    Module FunctionDef arguments arg Return Assign AugAssign AnnAssign For While If With withitem Raise Try
    ExceptHandler Assert Import ImportFrom alias Expr Pass Break Continue BoolOp NamedExpr BinOp UnaryOp Lambda IfExp
    Dict Set ListComp SetComp DictComp GeneratorExp comprehension Compare Call keyword FormattedValue JoinedStr Constant
    Attribute Subscript Starred Name List Tuple Slice expr_context boolop operator unaryop cmpop
"""
_ALLOWED = tuple(getattr(ast, name) for name in _SYNTAX.split())
_REFUSED = {
    ast.ClassDef: "classes are not allowed: write functions",
    ast.AsyncFunctionDef: "async functions are not allowed",
    ast.Global: "global is not allowed: nothing is remembered between calls",
    ast.Nonlocal: "nonlocal is not allowed",
    ast.Delete: "del is not allowed",
    ast.Yield: "generators are not allowed: return arrays",
    ast.YieldFrom: "generators are not allowed: return arrays",
}
_TOP_LEVEL = (ast.FunctionDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)


class ProgramRejected(RewardError):
    """A reward program is refused before it runs. The message is fit for its author, a language model or a person.

    Attributes:
        reason: What is wrong and what to do, without the line.
        line: Where, if it is in one place.
    """

    def __init__(self, reason: str, line: int | None = None):
        self.reason, self.line = sanitized(reason, 1200), line
        super().__init__(self.reason if line is None else f"line {line}: {self.reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Candidates are tried in other processes, and their errors come back."""
        return type(self), (self.reason, self.line)


def parse(source: str) -> ast.Module:
    """The program's tree.

    Raises:
        ProgramRejected: It is no Python, or nested beyond reading.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd escapes and comparisons: nobody here can mend them
            return ast.parse(source)
    except SyntaxError as error:
        shown = f": {error.text.strip()}" if error.text else ""
        raise ProgramRejected(f"syntax error, {error.msg}{shown}", error.lineno) from None
    except (RecursionError, MemoryError):
        raise ProgramRejected("the program is nested too deeply") from None
    except ValueError as error:  # a null byte, a number of thousands of digits
        raise ProgramRejected(f"not Python: {error}") from None


def check(tree: ast.Module) -> None:
    """Walk the tree.

    Raises:
        ProgramRejected: The first thing in it that is not allowed.
    """
    try:
        try:
            _check_names(tree)
        except SyntaxError as error:  # found by the analysis of scopes, such as two arguments of one name
            _Walk(tree).visit(tree)
            raise ProgramRejected(f"syntax error, {error.msg}") from None
        _Walk(tree).visit(tree)
    except (RecursionError, MemoryError):
        raise ProgramRejected("the program is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits, an f-string that cannot be written back
        if isinstance(error, ProgramRejected):
            raise
        raise ProgramRejected(f"too complicated: {error}") from None


def refuse(node: ast.AST, reason: str) -> NoReturn:
    """Reject the program because of ``node``."""
    raise ProgramRejected(reason, getattr(node, "lineno", None))


class _Walk(ast.NodeVisitor):
    def __init__(self, tree: ast.Module):
        self.modules: dict[str, str] = {}  # name in the program to module
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._import(node, alias)
        for statement in tree.body:
            docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not (isinstance(statement, _TOP_LEVEL) or docstring):
                refuse(statement, "outside functions there may be only imports, constants and functions")

    def _import(self, node: ast.Import, alias: ast.alias) -> None:
        self._name(node, alias.asname or "")  # as __builtins__, numpy would lend all its functions to the program
        if alias.name in DROPPED:
            return
        if alias.name not in ("numpy", "math"):
            reason = REASONS.get(alias.name.partition(".")[0])
            refuse(
                node, f"import of {alias.name!r} is not allowed: only numpy and math{f'; {reason}' if reason else ''}"
            )
        self.modules[alias.asname or alias.name] = alias.name

    def generic_visit(self, node: ast.AST) -> None:
        if type(node) in _REFUSED:
            refuse(node, _REFUSED[type(node)])
        if not isinstance(node, _ALLOWED):
            refuse(node, f"{type(node).__name__} is not allowed")
        super().generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            refuse(node, "decorators are not allowed")
        if getattr(node, "type_params", None):  # Python 3.12; expressions that nobody has looked at may hide in them
            refuse(node, "type parameters are not allowed: leave out [...] after the function's name")
        self._name(node, node.name)
        # Annotations are never evaluated, and not part of the program.
        for part in (*_defaults(node.args), *node.body):
            self.visit(part)
        for arg in _arguments(node.args):
            self._name(arg, arg.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module not in (*SURFACES, *DROPPED):
            refuse(node, f"import from {node.module or '.'!r} is not allowed: only numpy and math")
        for alias in node.names:
            if node.module in SURFACES and alias.name not in SURFACES[node.module]:
                refuse(node, _unknown(f"name in {node.module}", alias.name, SURFACES[node.module]))
            self._name(node, alias.asname or alias.name)
            if (node.module, alias.name) == ("numpy", "linalg"):
                self.modules[alias.asname or alias.name] = "numpy.linalg"

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            call = item.context_expr
            if not (isinstance(call, ast.Call) and ast.unparse(call.func).endswith("errstate")):
                refuse(node, "with is allowed for np.errstate(...) alone")
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._name(node, node.id)
        if node.id in self.modules:  # `visit_Attribute` does not come here for the `np` of `np.exp`
            what = "is a module: it can only be followed by a dot and a name"
            refuse(node, f"{node.id} {'cannot be assigned to' if isinstance(node.ctx, ast.Store) else what}")

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._name(node, node.name or "")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            refuse(node, f"attributes cannot be assigned to ({node.attr})")
        module = self._module(node.value)
        if module is None:
            self.visit(node.value)
            self._private(node, node.attr)
            if node.attr not in VALUES:
                function = f"; it is a function of numpy's: np.{node.attr}(x)" if node.attr in NUMPY else ""
                refuse(node, _unknown("attribute", node.attr, VALUES) + function)
        else:
            surface = SURFACES[module]
            self._private(node, node.attr)
            if node.attr not in surface:
                refuse(node, _unknown(f"name in {module}", node.attr, surface))

    def _module(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self.modules.get(node.id)
        if isinstance(node, ast.Attribute) and self._module(node.value) == "numpy" and node.attr == "linalg":
            return "numpy.linalg"
        return None

    def _name(self, node: ast.AST, name: str) -> None:
        self._private(node, name)

    def _private(self, node: ast.AST, name: str) -> None:
        if name.startswith("__") or (isinstance(node, ast.Attribute) and name.startswith("_")):
            hint = "; leave out what follows `if __name__ == ...`" if name == "__name__" else ""
            refuse(node, f"private names such as {name!r} are not allowed{hint}")


def _check_names(tree: ast.Module) -> None:
    """Every name that is read must be defined somewhere: a typing error should not cost a process."""
    missing = {name for name in undefined(tree) if not name.startswith("__")}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in missing]
    if nodes:
        first = min(nodes, key=lambda node: (node.lineno, node.col_offset))
        refuse(first, _unknown("name", first.id, {*_defined(tree), *BUILTINS}))


def undefined(tree: ast.Module) -> set[str]:
    """Names that a program reads, but neither defines nor finds among the builtins."""
    top = _scopes(tree)
    read: set[str] = set()
    scopes = [top]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        read |= {s.get_name() for s in scope.get_symbols() if s.is_referenced() and (s.is_global() or scope is top)}
    return read - _defined(tree) - BUILTINS


def _defined(tree: ast.Module) -> set[str]:
    """Names of the constants, functions and modules at the top level."""
    symbols = _scopes(tree).get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}


def _scopes(tree: ast.Module) -> symtable.SymbolTable:
    """Which name belongs where. Comprehensions become generators: from Python 3.12 on, only those have a scope."""
    text = ast.unparse(ast.fix_missing_locations(_Generators().visit(_Bare().visit(copy.deepcopy(tree)))))
    return symtable.symtable(text, "<reward>", "exec")


class _Generators(ast.NodeTransformer):
    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def normalized(tree: ast.Module) -> str:
    """The program's text without comments, docstrings and annotations, in one layout.

    It is the same on every version of Python, as it names programs in journals, reports and recordings.
    """
    return ast.unparse(ast.fix_missing_locations(_Bare().visit(copy.deepcopy(tree))))


class _Bare(ast.NodeTransformer):
    """Takes out what readers alone need."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        for arg in _arguments(node.args):
            arg.annotation = None
        node.body = [s for s in node.body if not (_is_text(s) or isinstance(s, ast.Pass))] or [ast.Pass()]
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        node.body = [s for s in node.body if not (_is_text(s) or isinstance(s, ast.Pass))]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.Pass() if node.value is None else ast.Assign([node.target], self.visit(node.value))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        return ast.Pass() if node.module in DROPPED else node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        node.names = [alias for alias in node.names if alias.name not in DROPPED]
        return node if node.names else ast.Pass()

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """``f"{x!r:>{width}}"`` to ``"{!r:>{}}".format(x, width)``, as `ast.unparse` quotes f-strings by version."""
        values: list[ast.expr] = []
        template = self._template(node, values)
        return ast.Call(ast.Attribute(ast.Constant(template), "format", ast.Load()), values, [])

    def _template(self, node: ast.expr, values: list[ast.expr]) -> str:
        """What `str.format` takes for an f-string; its expressions are appended to ``values``, in order of use."""
        assert isinstance(node, ast.JoinedStr)
        text = ""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                values.append(self.visit(part.value))
                conversion = f"!{chr(part.conversion)}" if part.conversion >= 0 else ""
                spec = f":{self._template(part.format_spec, values)}" if part.format_spec else ""
                text += f"{{{conversion}{spec}}}"
            else:
                assert isinstance(part, ast.Constant)
                text += str(part.value).replace("{", "{{").replace("}", "}}")
        return text


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    """All arguments of a function."""
    extra = [arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [default for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]


def _unknown(kind: str, name: str, options: set[str] | frozenset[str]) -> str:
    """Like `unknown_name`, but without hundreds of options, and with what to do instead where that is known."""
    if name in REASONS:
        return f"{kind} {name!r} is not available: {REASONS[name]}"
    message = unknown_name(kind, name, options).partition(" Available:")[0].removesuffix(".")
    return message.replace("unknown", "unknown or not allowed", 1)
