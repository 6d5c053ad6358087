"""URIs of resources in Rust: the table that the guest libraries of all languages have in common.

The module of the guest crate that decides is compiled natively: it uses nothing of the component.
"""

from __future__ import annotations

import json
import subprocess

import pytest
from support import uri_table
from support.rust_crates import MISSING

from wasmcp.package_data import guest_directory

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

MAIN = """\
#![allow(dead_code)]
#[path = "{src}/uris.rs"]
mod uris;

use std::panic::catch_unwind;
use uris::{{key_of, Normal}};

fn fixed(declared: &str, uris: &[&str]) {{
    let normal = Normal::declared(declared, false);
    let read: Vec<bool> = uris.iter().map(|uri| key_of(uri).as_ref() == Some(&normal.identity())).collect();
    println!("{{}}\\t{{read:?}}", normal.text);
}}

fn refused(text: &str) {{
    let declared = text.to_owned();
    let caught = catch_unwind(move || drop(Normal::declared(&declared, declared.contains('{{'))));
    let words = caught.err().and_then(|words| words.downcast::<String>().ok());
    println!("{{}}", words.map_or("taken".into(), |words| *words));
}}

fn main() {{
    std::panic::set_hook(Box::new(|_| ()));
{calls}
}}
"""


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines that the program prints, one for each row."""
    calls = []
    for declared, listed, readable, other in uri_table.FIXED:
        uris = ", ".join(map(quoted, [declared, listed, *readable, *other]))
        calls.append(f"fixed({quoted(declared)}, &[{uris}]);")
    calls += [f"refused({quoted(uri)});" for uri in [*uri_table.REFUSED, "docs://a/../{x}"]]
    folder = tmp_path_factory.mktemp("uris")
    (folder / "main.rs").write_text(MAIN.format(src=guest_directory("rust") / "src", calls="\n".join(calls)), "utf-8")
    command = ["rustc", "--edition", "2021", "-o", str(folder / "main"), str(folder / "main.rs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run([folder / "main"], capture_output=True, check=True, timeout=60)
    return ran.stdout.decode().splitlines()


@pytest.mark.parametrize("row", range(len(uri_table.FIXED)))
def test_a_resource_is_listed_in_normal_form_and_read_by_equivalent_uris(answers: list[str], row: int) -> None:
    _, listed, readable, other = uri_table.FIXED[row]
    normal, _, read = answers[row].partition("\t")
    assert normal == listed
    assert json.loads(read) == [True] * (2 + len(readable)) + [False] * len(other)


def test_a_uri_that_clients_cannot_read_is_refused(answers: list[str]) -> None:
    refused = [*uri_table.REFUSED, "docs://a/../{x}"]
    words = answers[-len(refused) :]
    assert [line.partition("`: ")[0][1:] for line in words] == refused
    text = "\n".join(words)
    for reason in (
        "it must begin with a scheme, such as `notes://`",
        "after the colon clients expect a number up to 65535",
        "or the `xn--` form",
        "a `.` or `..` segment, which clients remove",
    ):
        assert reason in text
