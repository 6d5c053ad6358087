"""The tests of `example-servers/tested`, with its snapshot and full coverage."""

from __future__ import annotations

import shutil

import pytest
from support.tested_server import IN_PROCESS, SOURCE


def test_the_example_is_tested_in_every_way(in_tested_project: pytest.Pytester) -> None:
    shutil.copytree(SOURCE / "tests", in_tested_project.path / "tests")
    options = ("--wasmcp-snapshot", "--wasmcp-cov", "--wasmcp-cov-fail-under=100")
    result = in_tested_project.runpytest_inprocess(*IN_PROCESS, *options)
    result.assert_outcomes(passed=16)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*_wasmcp/default.wasm: 100% of 26 parts", "*100% reached: 100.00%"])
