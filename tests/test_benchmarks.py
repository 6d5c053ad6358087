"""Reports of the benchmarks: goals, ratios, and figures where a peer is better."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import report, summary
from benchmarks.measure import Row, Table

RUN = {
    "when": "2026-01-02 03:04 UTC",
    "commit": "abc1234",
    "python": "3.11.0",
    "cores": 2,
    "machine": "Linux x86_64, processor",
    "load": 0.1,
    "versions": {"wasmcp": "0.1.0"},
}
BETTER = Row("calls", 300.0, "1/s", 200, "peer", 100.0, higher_is_better=True)
WORSE = Row("time", 30.0, "ms", 20, "peer", 15.0)
TABLE = Table("loads", ("requests/s", "p99"), ("", "ms"), {"ours": (1234.0, 5.0), "a peer": (2345.0, 4.0)})


def test_ratios_and_goals() -> None:
    assert (BETTER.ratio, BETTER.met) == (3.0, True)
    assert (WORSE.ratio, WORSE.met) == (0.5, False)
    assert Row("size", 1.0, "kB").met is None


def test_lines_name_missed_goals_and_better_peers() -> None:
    assert "> 200 met" in report.line(BETTER)
    assert "3.0 x better than peer (100 1/s)" in report.line(BETTER)
    assert "< 20 MISSED" in report.line(WORSE)
    assert "2.0 x worse than peer (15 ms)" in report.line(WORSE)


def test_large_figures_have_all_digits() -> None:
    assert [report.number(figure) for figure in (0.012345, 999.94, 12_345.6, -12_345.6, 0)] == [
        "0.01235",
        "999.9",
        "12,346",
        "-12,346",
        "0",
    ]


def test_text_of_a_table_has_every_server() -> None:
    lines = report.text(TABLE).splitlines()
    assert lines[0] == "loads"
    assert lines[1].split() == ["requests/s", "p99", "(ms)"]
    assert [line.split()[-2:] for line in lines[2:]] == [["1,234", "5"], ["2,345", "4"]]


def test_page_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    report.publish(RUN, [BETTER, TABLE, WORSE])
    page = report.PAGE.read_text("utf-8")
    assert page.startswith("---\norphan: true\n---\n\n# Performance\n")  # else `make docs` fails: no page names it
    assert "commit `abc1234`" in page
    assert "load average 0.1" in page
    assert "| time | 30 ms | ≤ 20 ms: **missed** | 2.0 x worse than peer (15 ms) |" in page
    assert "| a peer | 2,345 | 4 |" in page


def tables_of_the_page() -> list[Table]:
    """Return the tables of the published page, without units."""
    tables = []
    for part in report.PAGE.read_text("utf-8").split("\n## ")[2:]:
        title, _, text = part.partition("\n")
        heads, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n") if "|" in line)
        columns = [re.sub(r" \(\w+\)$", "", head) for head in heads[1:]]
        figures = {name: [float(cell.replace(",", "")) for cell in cells] for name, *cells in rows}
        tables.append(Table(title, columns, [""] * len(columns), figures))
    return tables


def test_summaries_have_the_figures_of_the_page() -> None:
    (when,) = re.findall(r"^Measured on (\S+)", report.PAGE.read_text("utf-8"), flags=re.MULTILINE)
    text = summary.summary({"when": when, "cores": 2}, tables_of_the_page())
    assert text.count("|\n") == 8
    for page in summary.PAGES:
        assert text in page.read_text("utf-8"), page


def test_a_summary_replaces_the_one_before() -> None:
    page = f"a\n{summary.BEGIN}\nold\n{summary.END}\nb\n"
    assert summary.replaced(page, "new\n") == f"a\n{summary.BEGIN}\n\nnew\n\n{summary.END}\nb\n"
    with pytest.raises(ValueError, match="found 0 pairs"):
        summary.replaced("a\n", "new\n")
