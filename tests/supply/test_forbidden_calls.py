"""Nothing unpickles, evaluates or imports what a file says, but where it is allowed by name.

Ruff's rules S301 to S324, S506 and S614 watch over the same; this test knows each exception.
"""

import ast

import pytest

PACKAGES = ("orchestrator", "trainers", "search_spaces", "cuda_ext")
FORBIDDEN = {
    "compile", "eval", "exec", "__import__", "exec_module", "extractall", "find_module", "full_load",
    "import_module", "mktemp", "os.popen", "os.system", "read_pickle", "run_module", "run_path",
    "spec_from_file_location", "torch.load", "unsafe_load", "yaml.load", "yaml.load_all",
}  # fmt: skip
FORBIDDEN_MODULES = {
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "jsonpickle",
    "marshal",
    "pickle",
    "shelve",
}
METHODS = {"compile", "eval"}
"""Names that harmless methods have too: `re.compile`, `model.eval`."""
ALLOWED = {
    ("orchestrator/plugins.py", "import_module"): "a user's own plug-in, after orchestrator.trust",
    ("orchestrator/plugins.py", "eval"): "annotations of a class that has been imported",
    ("search_spaces/loading.py", "import_module"): "a user's own space, after orchestrator.trust",
    ("search_spaces/loading.py", "spec_from_file_location"): "the same, from a file",
    ("search_spaces/loading.py", "exec_module"): "the same, from a file",
    ("orchestrator/doctor.py", "import_module"): "torch, by a name of ours",
}
"""File and call, and why it is there."""


def calls(tree):
    """Yield the names of what is called, and of the modules that are imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                yield name
            case ast.Call(func=ast.Attribute(attr=name, value=value)):
                owner = ast.unparse(value)
                yield f"{owner}.{name}"
                yield from (name,) if name not in METHODS else ()
            case ast.Import(names=names):
                yield from (f"import {alias.name.partition('.')[0]}" for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield f"import {module.partition('.')[0]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "shell"}:
            yield f"{node.arg}={ast.unparse(node.value)}"


def found_in(text):
    bad = FORBIDDEN | {f"import {module}" for module in FORBIDDEN_MODULES}
    bad |= {"allow_pickle=True", "shell=True"}
    return sorted({name for name in calls(ast.parse(text)) if name in bad})


def test_the_packages_call_nothing_of_the_kind(pytestconfig):
    root = pytestconfig.rootpath
    files = [file for package in PACKAGES for file in sorted((root / package).rglob("*.py"))]
    assert len(files) > 300
    found = {
        (str(file.relative_to(root)), name)
        for file in files
        for name in found_in(file.read_text(encoding="utf-8"))
    }
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import pickle", "import pickle"),
        ("from cloudpickle import loads", "import cloudpickle"),
        ("torch.load(path, weights_only=True)", "torch.load"),
        ("yaml.load(text, Loader=L)", "yaml.load"),
        ("numpy.load(path, allow_pickle=True)", "allow_pickle=True"),
        ("eval(text)", "eval"),
        ("importlib.import_module(name)", "import_module"),
        ("spec.loader.exec_module(module)", "exec_module"),
        ("os.system(command)", "os.system"),
        ("subprocess.run(command, shell=True)", "shell=True"),
        ("tar.extractall(place)", "extractall"),
    ],
)
def test_what_is_forbidden_is_seen(text, name):
    assert found_in(text) == [name]


@pytest.mark.parametrize(
    "text", ["re.compile(x)", "torch.compile(model)", "yaml.safe_load(t)", "json.load(f)"]
)
def test_what_is_not_is_not(text):
    assert found_in(text) == []


def test_yaml_is_composed_by_a_safe_loader_alone():
    from orchestrator.run_file import _Loader

    assert _Loader.__mro__[1].__name__ == "SafeLoader"
