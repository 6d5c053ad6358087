"""Skills: sections of components, merged in a server, and the methods of the extension at each entry point."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from hashlib import sha256, shake_256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compose_inputs import METADATA, notes_component, spec, validate
from support.entry_points import HTTP_ENTRY_POINTS, Embedded, Served, answers_of, http_entry_point, mirrored, request
from support.server_processes import wasmcp_serve
from support.skills import MARKDOWN, skill_of

from wasmcp.component.custom_sections import custom_section, custom_sections
from wasmcp.compose import Catalogue, ComponentSpec, ComposedServer, compose_server, inspect_component
from wasmcp.compose.access import Access, Condition, Filter, Policy, Rule, Selector
from wasmcp.compose.composition import compose_handler
from wasmcp.errors import ComponentError, CompositionError, DuplicateEntryError, InvalidComponentError, RequestError
from wasmcp.host import open_server
from wasmcp.insight.server_diff import Side, differences
from wasmcp.project.catalogue_recording import boot
from wasmcp.skills_section import FRONT_MATTER, SECTION, Skill, SkillFile, section, skills_of, summaries

EXTENSION = "io.modelcontextprotocol/skills"


REFUNDS = skill_of(
    "acme/refunds",
    {"references/A guide é.md": "Größe 100 %\n".encode(), "references/deep/x.bin": b"\xff\0\x01", "empty.txt": b""},
    license="Apache-2.0",
    metadata={"version": "2.1"},
)
NESTED = skill_of("acme/refunds/letters", {"note.md": b"n"})
GIT = skill_of("git-workflow")


def carrying(data: bytes, *skills: Skill) -> bytes:
    return data + section(skills)


def composed(*own: Skill, carried: tuple[Skill, ...] = (REFUNDS,), **options: Any) -> ComposedServer:
    tools = spec("calc", "called", "add")
    assert isinstance(tools.data, bytes)
    parts = [ComponentSpec("calc", carrying(tools.data, *carried), tools.catalogue)]
    return compose_server(parts, METADATA, skills=own, **options)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("skills") / "server.wasm"
    composed(GIT).write(path)
    return path


@pytest.fixture(scope="module", params=HTTP_ENTRY_POINTS)
def entry(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    with http_entry_point(request.param, file) as opened:
        yield opened


def send(entry: Any, method: str, params: dict[str, Any] | None = None, path: str = "/mcp") -> dict[str, Any]:
    message = request(method, params)
    found: dict[str, Any] = entry.http("POST", path, mirrored(message), json.dumps(message)).message
    return found


def content(read: dict[str, Any]) -> bytes:
    (one,) = read["result"]["contents"]
    return one["text"].encode() if "text" in one else base64.b64decode(one["blob"])


class TestMethods:
    def test_every_listed_file_is_read_and_verified(self, entry: Any) -> None:
        discovered = send(entry, "server/discover")["result"]["capabilities"]
        assert discovered["extensions"] == {EXTENSION: {"directoryRead": True}}
        assert discovered["resources"] == {}
        listed = send(entry, "skills/list")["result"]
        assert [one["uri"] for one in listed["skills"]] == [
            "skill://acme/refunds/SKILL.md",
            "skill://git-workflow/SKILL.md",
        ]
        assert (listed["resultType"], listed["ttlMs"], listed["cacheScope"]) == ("complete", 300_000, "private")
        assert "nextCursor" not in listed
        for one, source in zip(listed["skills"], (REFUNDS, GIT), strict=True):
            assert one["frontmatter"] == source.frontmatter
            assert one["resources"][0]["uri"] == one["uri"]
            assert send(entry, "skills/get", {"uri": one["uri"]})["result"]["skill"] == one
            assert len(one["resources"]) == len(source.files)
            for resource in one["resources"]:
                data = content(send(entry, "resources/read", {"uri": resource["uri"]}))
                assert resource["size"] == len(data)
                assert resource["digest"] == f"sha256:{sha256(data).hexdigest()}"

    def test_text_and_bytes(self, entry: Any) -> None:
        guide = "skill://acme/refunds/references/A%20guide%20%C3%A9.md"
        (text,) = send(entry, "resources/read", {"uri": guide})["result"]["contents"]
        assert text == {"uri": guide, "mimeType": MARKDOWN, "text": "Größe 100 %\n"}
        (blob,) = send(entry, "resources/read", {"uri": "skill://acme/refunds/references/deep/x.bin"})["result"][
            "contents"
        ]
        assert blob["blob"] == base64.b64encode(b"\xff\0\x01").decode()

    def test_resources_list_has_the_skill_files(self, entry: Any) -> None:
        assert send(entry, "resources/list")["result"]["resources"] == [
            {
                "uri": f"skill://{one.path}/SKILL.md",
                "name": one.name,
                "description": f"About {one.name}",
                "mimeType": MARKDOWN,
                "size": len(one.files[-1].data if one is GIT else one.files[0].data),
            }
            for one in (REFUNDS, GIT)
        ]

    @pytest.mark.parametrize(
        ("uri", "children"),
        [
            ("skill://acme", {"refunds": "inode/directory"}),
            (
                "skill://acme/refunds",
                {"refunds": MARKDOWN, "empty.txt": "application/octet-stream", "references": "inode/directory"},
            ),
            ("skill://acme/refunds/references", {"A guide é.md": MARKDOWN, "deep": "inode/directory"}),
            ("skill://acme/refunds/references/deep", {"x.bin": "application/octet-stream"}),
        ],
    )
    def test_directories(self, entry: Any, uri: str, children: dict[str, str]) -> None:
        result = send(entry, "resources/directory/read", {"uri": uri})["result"]
        assert {one["name"]: one["mimeType"] for one in result["resources"]} == children
        assert all(one["uri"].startswith(f"{uri}/") for one in result["resources"])
        assert result["resultType"] == "complete"

    @pytest.mark.parametrize(
        ("method", "params", "message"),
        [
            ("skills/get", {"uri": "skill://none/SKILL.md"}, "No skill is served at skill://none/SKILL.md"),
            ("skills/get", {"uri": "skill://acme/refunds/empty.txt"}, "No skill is served at"),
            ("skills/get", {"uri": "skill://acme/refunds"}, "No skill is served at"),
            ("skills/get", {}, "`params.uri` must be the URI"),
            ("skills/get", {"uri": 1}, "`params.uri` must be the URI"),
            ("skills/list", {"cursor": "x"}, "`params.cursor` is not a cursor"),
            ("skills/list", {"cursor": "99999999999"}, "`params.cursor` is not a cursor"),
            ("skills/list", {"cursor": 1}, "`params.cursor` is not a cursor"),
            ("resources/directory/read", {"uri": "skill://git-workflow/SKILL.md"}, "is not a directory resource"),
            ("resources/directory/read", {"uri": "skill://git-workflow/"}, "is not a directory resource"),
            ("resources/directory/read", {"uri": "skill://git"}, "is not a directory resource"),
            ("resources/directory/read", {"uri": "skill:"}, "is not a directory resource"),
            ("resources/directory/read", {"uri": ""}, "`params.uri` must be the URI"),
            ("resources/directory/read", {"uri": "skill://acme", "cursor": "7777"}, "`params.cursor` is not a cursor"),
            ("resources/read", {"uri": "skill://acme/refunds/../refunds/SKILL.md"}, "Resource not found"),
            ("resources/read", {"uri": "skill://acme/refunds/references"}, "Resource not found"),
        ],
    )
    def test_errors(self, entry: Any, method: str, params: dict[str, Any], message: str) -> None:
        error = send(entry, method, params)["error"]
        assert error["code"] == -32602
        assert message in error["message"]

    def test_older_revisions_have_no_cache_hints(self, file: Path) -> None:
        entry = Embedded(file)
        with open_server(file) as server:
            assert "ttlMs" in server.request("skills/list")
        start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        messages = [
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": start},
            {"jsonrpc": "2.0", "id": 2, "method": "skills/list", "params": {}},
        ]
        state, answers = "", []
        for message in messages:
            answer, state = entry.message(json.dumps(message), state)
            answers.append(json.loads(answer))
        assert len(answers[1]["result"]["skills"]) == 2
        assert not {"ttlMs", "cacheScope", "resultType"} & set(answers[1]["result"])


def test_skills_on_standard_output_of_a_stock_runtime(file: Path) -> None:
    uri = f"skill://{REFUNDS.path}/references/deep/x.bin"
    listed, read = answers_of(file, request("skills/list"), request("resources/read", {"uri": uri}, id=2))
    assert [one["uri"] for one in listed["result"]["skills"]] == [
        f"skill://{one.path}/SKILL.md" for one in (REFUNDS, GIT)
    ]
    assert content(read) == b"\xff\0\x01"


def test_pages(tmp_path: Path) -> None:
    many = [skill_of(f"s{number:04}", {}, notes="x" * 900) for number in range(600)]
    path = tmp_path / "server.wasm"
    wide = skill_of("wide", {f"files/{number:04}.md": b"" for number in range(500)})
    composed(*many, wide).write(path)
    with open_server(path) as server:
        uris: list[str] = []
        pages = 0
        cursor: dict[str, str] = {}
        while True:
            page = server.request("skills/list", cursor)
            assert len(json.dumps(page)) < 400_000
            uris += [one["uri"] for one in page["skills"]]
            pages += 1
            if "nextCursor" not in page:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert pages > 2
        assert len(uris) == len(set(uris)) == 602
        assert len(server.request("resources/directory/read", {"uri": "skill://wide/files"})["resources"]) == 500


def test_nested_skill_is_listed_and_part_of_the_outer_one(tmp_path: Path) -> None:
    outer = Skill(
        REFUNDS.path,
        REFUNDS.frontmatter,
        (*REFUNDS.files, *(SkillFile(f"letters/{one.path}", one.mime_type, one.data) for one in NESTED.files)),
    )
    path = tmp_path / "server.wasm"
    composed(NESTED, carried=(outer,)).write(path)
    with open_server(path) as server:
        listed = {one["uri"]: one for one in server.request("skills/list")["skills"]}
        assert list(listed) == ["skill://acme/refunds/SKILL.md", "skill://acme/refunds/letters/SKILL.md"]
        inside = {one["uri"] for one in listed["skill://acme/refunds/SKILL.md"]["resources"]}
        assert {one["uri"] for one in listed["skill://acme/refunds/letters/SKILL.md"]["resources"]} < inside
    changed = skill_of("acme/refunds/letters", {"note.md": b"other"})
    with pytest.raises(CompositionError, match=r"have different files `skill://acme/refunds/letters/note\.md`"):
        composed(changed, carried=(outer,))


def test_server_without_skills_has_nothing_of_them() -> None:
    plain = composed(carried=())
    assert not any("skills" in label for label in plain.instances)
    assert "extensions" not in plain.capabilities
    assert custom_sections(plain.data, SECTION) == []


def test_skills_are_in_a_server_once() -> None:
    big = shake_256(b"").digest(200_000)  # it cannot be shortened
    served = composed(carried=(skill_of("big", {"data.bin": big}),))
    assert served.size - composed(carried=()).size < 200_000 + 30_000
    validate(served.data)


def test_the_skills_of_a_server_have_a_limit_together() -> None:
    big = bytes(16 << 20)[:-200]
    skills = tuple(skill_of(f"s-{number}", {"data.bin": big}) for number in range(17))
    with pytest.raises(CompositionError, match=r"have 28\d,\d{3},\d{3} bytes; a server can have 268,435,456"):
        composed(carried=skills)


def test_two_owners_of_a_path_are_an_error_with_both() -> None:
    with pytest.raises(DuplicateEntryError) as raised:
        composed(REFUNDS)
    assert "acme/refunds" in str(raised.value)
    assert "`calc`" in str(raised.value)


def test_resource_of_a_component_with_the_uri_of_a_skill_is_an_error() -> None:
    notes = Catalogue(resources=({"uri": "skill://git-workflow/SKILL.md", "name": "mine"},))
    with pytest.raises(DuplicateEntryError, match="git-workflow"):
        compose_server([ComponentSpec("notes", notes_component(), notes)], METADATA, skills=[GIT])


def test_part_of_a_server_carries_the_skills_of_its_components(tmp_path: Path) -> None:
    tools = spec("calc", "called", "add")
    assert isinstance(tools.data, bytes)
    part = compose_handler([ComponentSpec("calc", carrying(tools.data, REFUNDS), tools.catalogue)])
    path = tmp_path / "server.wasm"
    whole = ComponentSpec("part", part.data, grants=frozenset({"middleware"}))
    compose_server([whole], METADATA).write(path)
    with open_server(path) as server:
        assert [one["uri"] for one in server.request("skills/list")["skills"]] == ["skill://acme/refunds/SKILL.md"]
        assert server.request("resources/list")["resources"][-1]["uri"] == "skill://acme/refunds/SKILL.md"


def test_compiled_component_with_skills_is_composed_with_its_recorded_catalogue(tmp_path: Path) -> None:
    """Record the lists of the component itself: its skills are those of the server."""
    data = carrying(spec("calc", "called", "add").data, REFUNDS)  # type: ignore[arg-type]
    recorded = boot("calc", data)
    assert recorded.names == ("add",)
    assert recorded.resources == ()
    path = tmp_path / "server.wasm"
    compose_server([ComponentSpec("calc", data, recorded)], METADATA).write(path)
    with open_server(path) as server:
        assert len(server.request("skills/list")["skills"]) == 1


def test_inspection_and_differences() -> None:
    old, new = composed(GIT), composed(skill_of("git-workflow", {"more.md": b"m"}), skill_of("other"), carried=())
    found = inspect_component(old.data).skills
    assert [(one.path, one.owner, one.files) for one in found] == [("acme/refunds", "calc", 4), ("git-workflow", "", 1)]
    assert found == old.skills == summaries(old.data)
    sides = [Side(_Nothing, (), (), skills=inspect_component(one.data).skills) for one in (old, new)]  # type: ignore[arg-type]
    changes = {one.name: one for one in differences(*sides)}
    assert {name: (one.change, one.breaking) for name, one in changes.items()} == {
        "acme/refunds": ("removed", True),
        "git-workflow": ("changed", False),
        "other": ("added", False),
    }
    assert "consent" in changes["git-workflow"].details[0]


class _Nothing:
    lists: dict[str, Any] = {}  # noqa: RUF012 - never changed


class TestGenerated:
    """Skills whose `SKILL.md` a component generates: a resource with the front matter in its `_meta`."""

    FRONT = {"name": "daily", "description": "About daily"}  # noqa: RUF012 - never changed

    @staticmethod
    def listed(uri: str = "skill://reports/daily/SKILL.md", front: Any = FRONT, **more: Any) -> dict[str, Any]:
        return {"uri": uri, "name": "daily", "mimeType": MARKDOWN, "_meta": {FRONT_MATTER: front, **more}}

    @classmethod
    def notes(cls, *resources: dict[str, Any], name: str = "notes", **options: Any) -> ComponentSpec:
        return ComponentSpec(name, notes_component(), Catalogue(resources=resources or (cls.listed(),)), **options)

    def test_methods(self, tmp_path: Path) -> None:
        path = tmp_path / "server.wasm"
        inside = {"uri": "skill://reports/daily/a%20b/note.md", "name": "note"}
        other = {"uri": "skill://reports/dailyx/other.md", "name": "other"}
        compose_server([self.notes(inside, self.listed(), other)], METADATA, skills=[GIT]).write(path)
        validate(path.read_bytes())
        with open_server(path) as server:
            entry = {"uri": "skill://reports/daily/SKILL.md", "frontmatter": self.FRONT, "resources": "dynamic"}
            assert server.request("skills/list")["skills"][1] == entry
            assert server.request("skills/get", {"uri": entry["uri"]})["skill"] == entry
            for uri in (entry["uri"], inside["uri"]):
                assert server.request("resources/read", {"uri": uri})["contents"][0]["text"] == "a note"
            children = server.request("resources/directory/read", {"uri": "skill://reports/daily"})["resources"]
            assert children == [
                self.listed(),
                {"uri": "skill://reports/daily/a%20b", "name": "a b", "mimeType": "inode/directory"},
            ]
            deep = server.request("resources/directory/read", {"uri": "skill://reports/daily/a%20b"})["resources"]
            assert deep == [inside]
            with pytest.raises(RequestError, match="is not a directory resource"):
                server.request("resources/directory/read", {"uri": "skill://reports/dailyx"})

    @pytest.mark.parametrize(
        ("item", "problem"),
        [
            (listed("skill://reports/weekly/SKILL.md"), "both must be the same"),
            (listed("skill://daily"), "must have a URI of the form `skill://PATH/SKILL.md`"),
            (listed("notes://daily/SKILL.md"), "must have a URI of the form"),
            (listed(front="x"), "must have an object as its front matter"),
            (listed(front={"name": "daily"}), "needs a `description` of 1 to 1,024 characters"),
            (listed(front={**FRONT, "compatibility": "x" * 501}), "`compatibility` of more than 500 characters"),
            (listed(front={**FRONT, "license": "a\u2028b"}), r"the character U\+2028"),
            (listed(front={**FRONT, "metadata": {"k": "\ud800"}}), r"the character U\+D800"),
            (listed("skill://a//daily/SKILL.md"), "a path with an empty part"),
        ],
    )
    def test_mistakes(self, item: dict[str, Any], problem: str) -> None:
        with pytest.raises(CompositionError, match=problem) as raised:
            compose_server([self.notes(item)], METADATA)
        assert str(raised.value).startswith("`notes`: the skill `")

    def test_two_owners(self) -> None:
        with pytest.raises(DuplicateEntryError, match="daily"):
            compose_server([self.notes(), self.notes(name="more")], METADATA)
        with pytest.raises(DuplicateEntryError, match="daily"):
            compose_server([self.notes()], METADATA, skills=[skill_of("reports/daily")])
        first = compose_server([self.notes(), self.notes(name="more")], METADATA, on_duplicate="first")
        assert [(one.path, one.owner) for one in first.skills] == [("reports/daily", "notes")]

    def test_record_inspection_and_differences(self) -> None:
        def server(**more: str) -> ComposedServer:
            return compose_server([self.notes(self.listed(front={**self.FRONT, **more}))], METADATA)

        old, new = server(), server(license="MIT")
        (found,) = inspect_component(old.data).skills
        assert (found.path, found.owner, found.files, found.size) == ("reports/daily", "notes", 1, 0)
        assert found.generated
        baked = compose_server([spec("calc", "called", "add")], METADATA, skills=[skill_of("reports/daily")])
        sides = [Side(_Nothing, (), (), skills=one.skills) for one in (old, new, baked)]  # type: ignore[arg-type]
        (change,) = differences(sides[0], sides[1])
        assert change.details == ("its front matter changed; clients ask for consent again",)
        (change,) = differences(sides[0], sides[2])
        assert "its files are baked in now; clients ask for consent again" in change.details

    def test_part_of_a_server_carries_them(self, tmp_path: Path) -> None:
        part = compose_handler([self.notes()])
        (carried,) = skills_of(part.data)
        assert carried.resources == (self.listed(),)
        path = tmp_path / "server.wasm"
        compose_server([ComponentSpec("part", part.data, grants=frozenset({"middleware"}))], METADATA).write(path)
        recorded = ComponentSpec("part", part.data, Catalogue(resources=(self.listed(),)), frozenset({"middleware"}))
        assert compose_server([recorded], METADATA).skills == summaries(path.read_bytes())
        with open_server(path) as server:
            (entry,) = server.request("skills/list")["skills"]
            assert entry["resources"] == "dynamic"
            assert server.request("resources/read", {"uri": entry["uri"]})["contents"][0]["text"] == "a note"

    def test_filters_select_them_by_component_and_tag(self, tmp_path: Path) -> None:
        path = tmp_path / "server.wasm"
        filters = {
            "/mcp/notes": Filter((Selector(components=("notes",)),)),
            "/mcp/tagged": Filter((Selector(tags=("x",)),)),
            "/mcp/rest": Filter(None, (Selector(resources=("skill://reports/*",)),)),
        }
        components = [self.notes(self.listed(**{"wasmcp/tags": ["x"]})), spec("calc", "called", "add")]
        compose_server(components, METADATA, access=Access(filters, Policy()), skills=[GIT]).write(path)
        with wasmcp_serve(path) as port:
            entry = Served(port)
            for at, uris in (
                ("/mcp/notes", ["skill://reports/daily/SKILL.md"]),
                ("/mcp/tagged", ["skill://reports/daily/SKILL.md"]),
                ("/mcp/rest", ["skill://git-workflow/SKILL.md"]),
            ):
                assert [one["uri"] for one in send(entry, "skills/list", path=at)["result"]["skills"]] == uris


class TestAccess:
    @pytest.fixture(scope="class")
    def server(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
        path = tmp_path_factory.mktemp("access") / "server.wasm"
        filters = {
            "/mcp/git": Filter((Selector(resources=("skill://git-workflow/*",)),)),
            "/mcp/all": Filter(),
            "/mcp/rest": Filter(None, (Selector(resources=("skill://acme/refunds/references/*",)),)),
        }
        policy = Policy(
            allow=(Rule(Selector(resources=("skill://git-workflow/*", "skill://acme/")), None, None, Condition()),)
        )
        composed(GIT, access=Access(filters, Policy())).write(path)
        other = path.with_name("policy.wasm")
        composed(GIT, access=Access({}, policy)).write(other)
        with wasmcp_serve(path) as port, wasmcp_serve(other) as second:
            yield Served(port), Served(second)  # type: ignore[misc]

    @pytest.mark.parametrize(("place", "which"), [("/mcp/git", 0), ("/mcp", 1)])
    def test_hidden_skills_do_not_exist(self, server: Any, place: str, which: int) -> None:
        one = server[which]
        listed = send(one, "skills/list", path=place)["result"]
        assert [each["uri"] for each in listed["skills"]] == ["skill://git-workflow/SKILL.md"]
        assert "skill" in send(one, "skills/get", {"uri": "skill://git-workflow/SKILL.md"}, place)["result"]
        for method in ("skills/get", "resources/read"):
            assert "error" in send(one, method, {"uri": "skill://acme/refunds/SKILL.md"}, place)
        assert "error" in send(one, "resources/directory/read", {"uri": "skill://acme/refunds"}, place)

    def test_directory_has_no_hidden_children(self, server: Any) -> None:
        def children(one: Any, uri: str, path: str) -> list[str]:
            result = send(one, "resources/directory/read", {"uri": uri}, path)["result"]
            return [child["name"] for child in result["resources"]]

        assert children(server[0], "skill://acme/refunds", "/mcp/rest") == ["refunds", "empty.txt"]
        assert "references" in children(server[0], "skill://acme/refunds", "/mcp/all")
        assert children(server[1], "skill://git-workflow", "/mcp") == ["git-workflow"]
        assert children(server[1], "skill://acme", "/mcp") == []

    def test_pages_do_not_tell_how_many_entries_are_hidden(self, tmp_path: Path) -> None:
        many = [skill_of(f"many/s{number:04}", {}, notes="x" * 900) for number in range(1100)]
        hidden = (Selector(resources=("skill://many/s0*",)),)
        path = tmp_path / "server.wasm"
        composed(*many, access=Access({"/mcp/some": Filter(None, hidden), "/mcp/all": Filter()})).write(path)
        with wasmcp_serve(path) as port:
            served = Served(port)
            for method, params, member, count in (
                ("skills/list", {}, "skills", 101),
                ("resources/directory/read", {"uri": "skill://many"}, "resources", 100),
            ):
                whole = send(served, method, params)["result"]
                assert "nextCursor" in whole
                page = send(served, method, params, "/mcp/some")["result"]
                assert "nextCursor" not in page
                uris = [one["uri"] for one in page[member]]
                assert (uris[-1].removesuffix("/SKILL.md"), len(set(uris))) == ("skill://many/s1099", count)
                assert not [uri for uri in uris if uri.startswith("skill://many/s0")]
                for cursor in ("0", "5", whole["nextCursor"], ""):
                    answer = send(served, method, {**params, "cursor": cursor}, "/mcp/some")
                    assert (
                        answer["error"]["message"] == "Invalid params: `params.cursor` is not a cursor of this server"
                    )
            assert len(send(served, "skills/list", path="/mcp/all")["result"]["skills"]) == 1101

    @pytest.mark.parametrize(
        ("method", "uri"),
        [
            ("resources/directory/read", "skill://acme/refunds"),
            ("skills/get", "skill://acme/refunds/SKILL.md"),
            ("resources/read", "skill://acme/refunds/SKILL.md"),
        ],
    )
    def test_errors_of_hidden_entries_are_those_of_missing_ones(self, server: Any, method: str, uri: str) -> None:
        assert "result" in send(server[0], method, {"uri": uri}, "/mcp/all")
        other = uri.replace("refunds", "missing")
        hidden, missing = (send(server[0], method, {"uri": one}, "/mcp/git")["error"] for one in (uri, other))
        unknown = send(server[0], method, {"uri": other}, "/mcp/all")["error"]
        assert hidden == json.loads(json.dumps(missing).replace("missing", "refunds"))
        assert missing == unknown

    def test_other_path_has_all(self, server: Any) -> None:
        assert len(send(server[0], "skills/list", path="/mcp/all")["result"]["skills"]) == 2


class TestSection:
    @given(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=20).filter(
                lambda name: name not in {".", "..", "SKILL.md"}
            ),
            st.binary(max_size=100),
            max_size=5,
        )
    )
    def test_round_trip(self, files: dict[str, bytes]) -> None:
        given = (skill_of("a/b-c", files), GIT)
        data = b"\0asm\x0d\0\x01\0" + section(given)
        assert skills_of(data) == given
        assert all(part.isascii() for one in given for part in (one.uri_of(file.path) for file in one.files))

    @given(st.integers(0, 300), st.integers(0, 255))
    def test_damage_is_an_error(self, at: int, value: int) -> None:
        good = section([GIT])
        whole = bytearray(custom_sections(b"\0asm\x0d\0\x01\0" + good, SECTION)[0])
        whole[at % len(whole)] = value
        data = b"\0asm\x0d\0\x01\0" + custom_section(SECTION, bytes(whole))
        try:
            found = skills_of(data)
        except ComponentError as error:
            assert "damaged" in str(error) or "skill" in str(error)  # noqa: PT017 - either outcome is right
        else:
            assert found[0].name == found[0].path.rpartition("/")[2]

    @pytest.mark.parametrize("end", [0, 3, 4, 40, -1])
    def test_truncation_is_an_error(self, end: int) -> None:
        whole = custom_sections(b"\0asm\x0d\0\x01\0" + section([GIT]), SECTION)[0]
        with pytest.raises(ComponentError, match="damaged"):
            skills_of(b"\0asm\x0d\0\x01\0" + custom_section(SECTION, whole[:end]))

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (skill_of("Upper"), "lower-case"),
            (skill_of("a--b"), "single hyphens"),
            (Skill("folder", {"name": "other", "description": "d"}, GIT.files), "both must be the same"),
            (Skill("x", {"name": "x", "description": " "}, GIT.files), "needs a `description`"),
            (Skill("x", {"name": "x", "description": "d" * 1025}, GIT.files), "needs a `description`"),
            (Skill("x", {"name": "x", "description": "d"}, ()), "has no `SKILL.md`"),
            (skill_of("../x"), "`..`"),
            (skill_of("x", {"a/../b": b""}), "`..`"),
            (skill_of("x", {f"{number}": b"" for number in range(512)}), "513 files; clients accept 512"),
            (skill_of("x", {"big": bytes((16 << 20) + 1)}), "clients accept 16,777,216"),
        ],
    )
    def test_skills_that_cannot_be_served(self, bad: Skill, message: str) -> None:
        with pytest.raises(CompositionError, match=message):
            composed(bad)
        with pytest.raises(InvalidComponentError, match=message):
            composed(carried=(bad,))


def test_unknown_method_without_skills(tmp_path: Path) -> None:
    path = tmp_path / "server.wasm"
    composed(carried=()).write(path)
    with open_server(path) as server, pytest.raises(RequestError) as raised:
        server.request("skills/list")
    assert raised.value.code == -32601
