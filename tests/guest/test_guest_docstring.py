from __future__ import annotations

import pytest

from wasmcp.guest.docstring import parse_docstring

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
def test_three_styles_say_the_same(text):
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
def test_nothing_is_nothing(text):
    assert parse_docstring(text).description is None


def test_a_colon_in_prose_is_no_section():
    text = "Do it.\n\nNote: this is slow.\nArgs is a fine word."
    assert parse_docstring(text).description == text


def test_a_description_with_a_colon():
    assert parse_docstring("X.\n\nArgs:\n    when: A time: hh:mm.").parameters == {"when": "A time: hh:mm."}
