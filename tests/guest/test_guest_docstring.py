from __future__ import annotations

import pytest

from wasmcp.guest.declarations.docstring import parse_docstring

GOOGLE = """Scale a picture.

    The picture keeps its proportions.

    Args:
        width: Pixels, at
            least one.
        height (int): Pixels.
        *rest: More.

    Returns:
        The scaled
        picture.

    Raises:
        ValueError: Never.

    Example:
        scale(1, 2)
    """

NUMPY = """Scale a picture.

    The picture keeps its proportions.

    Parameters
    ----------
    width : int
        Pixels, at
        least one.
    height
        Pixels.
    a, b : float
        Both.

    Returns
    -------
    Picture
        The scaled picture.

    Raises
    ------
    ValueError
        Never.
    """

SPHINX = """Scale a picture.

    The picture keeps its proportions.

    :param width: Pixels, at
        least one.
    :param int height: Pixels.
    :type width: int
    :returns: The scaled picture.
    :raises ValueError: Never.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_three_styles_give_the_same_result(text):
    found = parse_docstring(text)
    assert found.description.startswith("Scale a picture.\n\nThe picture keeps its proportions.")
    assert found.parameters["width"] == "Pixels, at least one."
    assert found.parameters["height"] == "Pixels."
    assert found.returns == "The scaled picture."
    assert "Never" not in found.description


def test_examples_stay_in_the_description():
    assert parse_docstring(GOOGLE).description.endswith("Example:\n    scale(1, 2)")


def test_numpy_names_share_a_description():
    found = parse_docstring(NUMPY)
    assert found.parameters["a"] == found.parameters["b"] == "Both."


def test_attributes_of_a_class():
    found = parse_docstring("A point.\n\nAttributes:\n    x: To the right.\n    y: Upwards.\n")
    assert found.parameters == {"x": "To the right.", "y": "Upwards."}
    assert found.description == "A point."


@pytest.mark.parametrize("text", [None, "", "   \n  "])
def test_empty_docstrings(text):
    assert parse_docstring(text).description is None


def test_colon_in_prose_does_not_start_a_section():
    text = "Do it.\n\nNote: this is slow.\nArgs is a fine word."
    assert parse_docstring(text).description == text


def test_description_with_a_colon():
    assert parse_docstring("X.\n\nArgs:\n    when: A time: hh:mm.").parameters == {"when": "A time: hh:mm."}


FORMS = [
    "- path: Where to begin.",
    "* path: Where to begin.",
    "`path`: Where to begin.",
    "``path``: Where to begin.",
    "**path**: Where to begin.",
    "**path:** Where to begin.",
    "- `path` (str): Where to begin.",
    "* **path** (str, optional): Where to begin.",
    "path (Tuple[float, float], default=(0, 0)): Where to begin.",
    "path (Callable[[int], str] (or None)): Where to begin.",
    "path [str]: Where to begin.",
    "path -- Where to begin.",
    "path - Where to begin.",
    "path — Where to begin.",
    "path :: Where to begin.",
    "*path: Where to begin.",
    "path:\n        Where\n        to begin.",
]
HEADERS = ["Args:", "Arguments:", "Parameters:", "**Args:**", "**Args**:", "## Parameters", "### Args:"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("header", HEADERS)
def test_items_of_every_form(form, header):
    text = f"List files.\n\n{header}\n    first: The one before.\n    {form}\n    last: The one after.\n"
    found = parse_docstring(text, ["first", "path", "last"])
    assert found.parameters == {"first": "The one before.", "path": "Where to begin.", "last": "The one after."}
    assert (found.description, found.unread) == ("List files.", [])


def test_items_that_are_not_indented():
    text = "List files.\n\nArgs:\n- path: Where.\n- `depth` (int): How deep,\n  at most.\n\nNothing else."
    found = parse_docstring(text, ["path", "depth"])
    assert found.parameters == {"path": "Where.", "depth": "How deep, at most."}
    assert found.description == "List files.\n\nNothing else."


def test_items_that_share_a_text():
    found = parse_docstring("X.\n\nArgs:\n    a, b (int): Both.\n", ["a", "b"])
    assert found.parameters == {"a": "Both.", "b": "Both."}


def test_fields_of_epydoc():
    found = parse_docstring("X.\n\n@param a: One.\n@return: Two.\n", ["a"])
    assert (found.description, found.parameters, found.returns) == ("X.", {"a": "One."}, "Two.")


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("Args:\n    Some words first.\n    a: One.\n", ["Some words first."]),
        ("Args:\n    a: One.\n    gone: Lost words.\n        And more.\n", ["gone: Lost words.", "And more."]),
        ("Args:\n    Only prose here.\n", ["Only prose here."]),
        ("Parameters\n----------\nSome prose here.\na : int\n    One.\n", ["Some prose here."]),
        ("Parameters\n----------\na : int\n    One.\ngone\n    Lost words.\n", ["gone", "Lost words."]),
        (":param a: One.\n:param gone: Lost words.\n", [":param gone: Lost words."]),
    ],
)
def test_unparsed_text_stays_in_the_description(text, unread):
    found = parse_docstring(f"Do it.\n\n{text}", ["a"])
    assert found.unread == unread
    assert found.description.startswith("Do it.")
    assert all(line in found.description for line in unread)
    assert found.parameters in ({"a": "One."}, {})


def test_references_section_is_kept():
    text = "Do it.\n\nSee Also:\n    another tool\n\nReferences:\n    RFC 3986"
    assert parse_docstring(text).description == text
