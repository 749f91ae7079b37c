"""The stubs (engram/__init__.pyi) against the module, name by name."""

import ast
import inspect
import pathlib
import re

import pytest

import engram

SOURCE = pathlib.Path(engram.__file__).with_name("__init__.pyi").read_text()
STUB = ast.parse(SOURCE)


def stub_names(body):
    """Name to node of what is defined; private names are the stub's own."""
    names = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
        elif isinstance(node, ast.Assign):
            names[node.targets[0].id] = node
    return {n: node for n, node in names.items() if not re.match(r"_[^_]", n)}


def parameters(arguments):
    """(name, kind, default) of each, of a function in the stub."""
    def value(node):
        return inspect.Parameter.empty if node is None else ast.literal_eval(node)

    either = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(either) - len(arguments.defaults)) + arguments.defaults
    found = [(a.arg, "either", value(d)) for a, d in zip(either, defaults)]
    return found + [(a.arg, "keyword", value(d))
                    for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults)]


def parameters_of(function):
    """The same of the module's: of Python's own, or of the first line of pybind11's docstring."""
    if inspect.isfunction(function):
        found = []
        for p in inspect.signature(function).parameters.values():
            found.append((p.name, "keyword" if p.kind is p.KEYWORD_ONLY else "either", p.default))
        return found
    line = inspect.getdoc(function).splitlines()[0]
    return parameters(ast.parse(f"def {line}: ...").body[0].args)


def stubbed_classes():
    return [(name, node) for name, node in stub_names(STUB.body).items()
            if isinstance(node, ast.ClassDef)]


def members():
    for class_name, node in stubbed_classes():
        for name, member in stub_names(node.body).items():
            if isinstance(member, ast.FunctionDef):
                yield pytest.param(class_name, name, member, id=f"{class_name}.{name}")


def is_property(node):
    return any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)


def test_the_package_shows_what_the_stubs_name_and_nothing_else():
    assert set(stub_names(STUB.body)) == set(engram.__all__)
    public = {n for n in dir(engram) if not n.startswith("_")}
    assert public == {n for n in engram.__all__ if not n.startswith("_")}


@pytest.mark.parametrize("name", ["create", "open"])
def test_functions_take_what_the_stubs_say(name):
    assert parameters(stub_names(STUB.body)[name].args) == parameters_of(getattr(engram, name))


@pytest.mark.parametrize("class_name, node", stubbed_classes(), ids=lambda v: str(v)[:30])
def test_classes_have_the_members_and_bases_of_the_stubs(class_name, node):
    cls = getattr(engram, class_name)
    stubbed = set(stub_names(node.body))
    special = {"__init__", "__enter__", "__exit__", "__len__", "__repr__", "__contains__",
               "__iter__"}
    own = {n for n in vars(cls) if not n.startswith("_") or n in special}
    if issubclass(cls, (engram.Error, engram.Code, tuple)):
        # The rest is the base's.
        own = {n for n in own if not n.startswith("_")} - {"count", "index", "n_fields"}
        own -= {"n_sequence_fields", "n_unnamed_fields"}
        if cls is not engram.Error and issubclass(cls, engram.Error):
            own -= {"code"}  # declared by Error
        elif cls is engram.Error:
            own |= {"code"}  # set by each class
    if "__init__" not in stubbed:
        own -= {"__init__"}  # pybind11's, which refuses: the library makes these
    assert own == stubbed
    bases = [ast.unparse(b).split("[")[0].split(".")[-1] for b in node.bases]
    if bases:
        assert bases == [b.__name__ for b in cls.__bases__]


@pytest.mark.parametrize("class_name, name, node", members())
def test_members_are_what_the_stubs_say(class_name, name, node):
    member = inspect.getattr_static(getattr(engram, class_name), name)
    if is_property(node):
        assert isinstance(member, property) or inspect.isdatadescriptor(member)
        return
    member = getattr(getattr(engram, class_name), name)
    assert callable(member)
    if name in ("__exit__", "__repr__"):
        return  # called by the interpreter, not by name
    expected = parameters(node.args)
    if not any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list):
        expected = expected[1:]
        assert parameters_of(member)[0][0] in ("self", "arg0")
        assert parameters_of(member)[1:] == expected
    else:
        assert parameters_of(member) == expected


def test_what_calls_return_cannot_be_made_by_hand():
    for cls in (engram.Store, engram.Snapshot, engram.Pattern, engram.Stats, engram.SearchResult):
        with pytest.raises(TypeError, match="No constructor defined"):
            cls()


def test_everything_has_a_docstring():
    for name in engram.__all__:
        thing = getattr(engram, name)
        if isinstance(thing, str):
            continue
        assert len(inspect.getdoc(thing)) > 15, name
        assert thing.__module__ == "engram", name
        if not inspect.isclass(thing) or issubclass(thing, (BaseException, engram.Code)):
            continue
        for member_name, member in vars(thing).items():
            if member_name.startswith("_") or not (callable(member) or isinstance(member, property)):
                continue
            text = inspect.getdoc(member) or ""
            if callable(member):  # without the signature
                text = text.partition("\n")[2]
            assert len(text.strip()) > 10, f"{name}.{member_name}"


def test_docstrings_name_every_parameter_of_create_and_open():
    for function in (engram.create, engram.open):
        for name in inspect.signature(function).parameters:
            assert name == "path" or re.search(rf"^    .*\b{name}\b", function.__doc__, re.M), name


def fields(header, struct):
    """Names of the fields of a struct in a public header."""
    text = (pathlib.Path(__file__).parents[2] / "api/include/engram" / header).read_text()
    body = re.search(rf"^struct (?:ENGRAM_EXPORT )?{struct} \{{\n(.*?)^\}};", text, re.S | re.M).group(1)
    return set(re.findall(r"^  (?:const )?(?:[\w:<>]|, )+\*? (\w+)(?: = [^;]*|\{[^}]*\})?;", body, re.M))


def test_every_option_of_the_library_is_a_keyword():
    found = fields("options.h", "Options")
    assert {"dimensions", "metric", "sync_interval", "max_age_by_type", "clock", "log"} <= found
    keywords = set()
    for function in (engram.create, engram.open):
        keywords |= set(inspect.signature(function).parameters)
    assert (keywords - {"path", "read_only", "dim"}) | {"dimensions", "error_if_exists"} == found


@pytest.mark.parametrize("header, struct, cls", [
    ("stats.h", "Stats", engram.Stats), ("analyze.h", "GraphReport", engram.GraphReport),
    ("analyze.h", "LevelReport", engram.LevelReport), ("analyze.h", "HubReport", engram.HubReport),
    ("analyze.h", "SpaceReport", engram.SpaceReport), ("store.h", "Pattern", engram.Pattern),
    ("search.h", "SearchResult", engram.SearchResult), ("search.h", "Hit", engram.Hit),
    ("store.h", "CommitResult", engram.CommitResult), ("store.h", "BatchResult", engram.BatchResult),
    ("snapshot.h", "NamedSnapshot", engram.NamedSnapshot),
    ("rebalance.h", "RebalanceProgress", engram.RebalanceProgress),
    ("rebalance.h", "RebalanceReport", engram.RebalanceReport),
    ("rebalance.h", "GraphHealth", engram.GraphHealth),
    ("maintenance.h", "CompactProgress", engram.CompactProgress),
    ("maintenance.h", "CompactReport", engram.CompactReport),
    ("maintenance.h", "EraseForeverReport", engram.EraseForeverReport)])
def test_every_field_of_a_result_is_an_attribute(header, struct, cls):
    attributes = {n for n, v in vars(cls).items() if isinstance(v, property)}
    assert {"dimensions" if n == "dim" else n for n in attributes} == fields(header, struct)


@pytest.mark.parametrize("function, header, struct, elsewhere", [
    (engram.Store.insert, "write_batch.h", "NewPattern", set()),
    (engram.WriteBatch.insert, "write_batch.h", "NewPattern", set()),
    (engram.Store.update, "write_batch.h", "PatternChange", {"id"}),
    (engram.WriteBatch.update, "write_batch.h", "PatternChange", {"id"}),
    (engram.Store.erase_matching, "maintenance.h", "PatternFilter", set()),
    (engram.Store.rebalance, "rebalance.h", "RebalanceOptions", {"progress"})])
def test_every_field_of_what_goes_in_is_an_argument(function, header, struct, elsewhere):
    arguments = {name.rstrip("_") for name, _, _ in parameters_of(function)}
    assert arguments - {"self", "arg0", "durability"} - elsewhere == fields(header, struct)


def test_every_call_of_the_library_is_a_method():
    text = (pathlib.Path(__file__).parents[2] / "api/include/engram/store.h").read_text()
    body = re.search(r"^class ENGRAM_EXPORT Store \{\n(.*?)^\};", text, re.S | re.M).group(1)
    calls = set(re.findall(r"^  (?:static )?[\w:<>]+ ([A-Z]\w+)\(", body, re.M)) - {"Store"}
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", c).lower() for c in calls}
    renamed = {"open": "path", "open_read_only": "read_only", "for_each": "patterns",
               "get_snapshot": "snapshot", "get_stats": "stats", "search_batch": "search",
               "list_named_snapshots": "named_snapshots"}
    assert {"compact", "snapshot_at", "erase_forever"} <= snake and set(renamed) <= snake
    for call in snake:
        assert hasattr(engram.Store, renamed.get(call, call)), call


@pytest.mark.parametrize("c_struct, header, struct, elsewhere", [
    ("engram_graph_summary", "analyze.h", "GraphReport",
     {"levels", "hubs", "space", "out_degrees", "in_degrees"}),
    ("engram_level_report", "analyze.h", "LevelReport", set()),
    ("engram_hub_report", "analyze.h", "HubReport", set()),
    ("engram_space_report", "analyze.h", "SpaceReport", set()),
    ("engram_graph_health", "rebalance.h", "GraphHealth", set()),
    ("engram_rebalance_progress", "rebalance.h", "RebalanceProgress", set()),
    ("engram_rebalance_report", "rebalance.h", "RebalanceReport", set())])
def test_c_has_every_field_of_a_report_on_the_graph(c_struct, header, struct, elsewhere):
    text = (pathlib.Path(__file__).parents[2] / "api/include/engram/c.h").read_text()
    body = re.search(rf"^typedef struct {c_struct} \{{\n(.*?)^\}}", text, re.S | re.M).group(1)
    in_c = set(re.findall(r"^  \w+ (\w+);", body, re.M))
    assert in_c | elsewhere == fields(header, struct) and not in_c & elsewhere
    for name in elsewhere:
        assert f"engram_graph_report_{name}(" in text


def test_every_option_of_the_library_has_a_setter_in_c():
    text = (pathlib.Path(__file__).parents[2] / "api/include/engram/c.h").read_text()
    setters = {re.sub(r"_(us|ms|s)$", "", n)
               for n in re.findall(r" engram_options_(?:set|add)_(\w+)\(", text)}
    renamed = {"max_age_of_type": "max_age_by_type", "indexed_field": "indexed_fields"}
    assert {renamed.get(n, n) for n in setters} == fields("options.h", "Options")


def test_every_option_of_a_search_is_an_argument():
    arguments = {name for name, _, _ in parameters_of(engram.Store.search_hits)}
    assert (arguments - {"self", "query", "timeout"}) | {"deadline"} == fields(
        "search.h", "SearchOptions")
