from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, NewType

import pytest
from support.uri_table import matched

from wasmcp.guest import Context, DeclarationError, prompt, provider, resource, tool
from wasmcp.guest.declarations.registry import prompt_of, resource_of, tool_of
from wasmcp.guest.declarations.signature import provide
from wasmcp.guest.testing import LocalContext, fresh_instance


class Store:
    def __init__(self, name: str = "real") -> None:
        self.name = name


@dataclass
class Point:
    x: int


class Service:
    def __init__(self, store: Store) -> None:
        self.store = store


@pytest.fixture(autouse=True)
def made():
    """The names of the providers that were called."""
    with fresh_instance():
        yield []


def structured(function, arguments="{}"):
    called = tool_of(function).call(arguments, LocalContext())
    assert not called.is_error, called
    return called.structured


def declared(made):
    @provider
    def store() -> Store:
        made.append("store")
        return Store()

    @provider
    async def service(store: Store) -> Service:
        await asyncio.sleep(0)
        made.append("service")
        return Service(store)


def test_object_is_made_once_at_first_use(made):
    declared(made)

    @tool
    def name(suffix: str, store: Store, *, service: Service, context: Context) -> str:
        assert service.store is store
        return store.name + suffix + context.tool_name

    assert made == []
    assert [structured(name, '{"suffix": "!"}') for _ in range(2)] == ['{"result":"real!"}'] * 2
    assert made == ["store", "service"]


def test_clients_do_not_see_the_parameter(made):
    declared(made)

    @tool
    def name(suffix: str, store: Annotated[Store, "shared"]) -> str:
        """Name it.

        Args:
            suffix: The end.
            store: The store.
        """
        return store.name + suffix

    schema = tool_of(name).input_schema
    assert list(schema["properties"]) == ["suffix"]
    assert schema["required"] == ["suffix"]
    called = tool_of(name).call('{"suffix": "", "store": {}}', LocalContext())
    assert called.is_error
    assert structured(name, '{"suffix": "?"}') == '{"result":"real?"}'
    assert name("!", Store("my own")) == "my own!"


def test_resources_and_prompts_get_shared_objects(made):
    declared(made)

    @resource("store://{part}")
    def part(part: str, store: Store) -> str:
        return store.name + part

    @prompt
    def ask(store: Store, /, about: str = "it") -> str:
        return f"Tell me about {about} in {store.name}"

    found = resource_of(part)
    (read,) = found.read("store://x", matched(found, "store://x"), LocalContext())
    assert read.data == "realx"
    assert prompt_of(ask).get(None, LocalContext()).messages[0].content == "Tell me about it in real"


def test_replacing_objects_in_a_test(made):
    declared(made)

    @tool
    async def name(service: Service) -> str:
        return service.store.name

    with fresh_instance({Store: Store("fake")}):
        assert structured(name) == '{"result":"fake"}'
    with fresh_instance():
        assert structured(name) == '{"result":"real"}'
    assert made == ["service", "store", "service"]


def test_nested_fresh_instances_have_separate_objects():
    @provider
    def point() -> Point:
        return Point(1)

    with fresh_instance():
        before = provide(Point)
        with fresh_instance():
            assert provide(Point) == before
        assert provide(Point) is before


def test_nested_fresh_instances_without_objects():
    @provider
    def point() -> Point:
        return Point(1)

    with fresh_instance():
        with fresh_instance():
            with fresh_instance():
                pass
            inner = provide(Point)
        assert provide(Point) is not inner


def test_new_types_distinguish_objects_of_a_class():
    Primary = NewType("Primary", Store)
    Replica = NewType("Replica", Store)

    @provider
    def primary() -> Primary:
        return Primary(Store("primary"))

    @provider
    def replica(primary: Primary) -> Replica:
        return Replica(Store(f"replica of {primary.name}"))

    @tool
    def names(one: Primary, other: Replica) -> list[str]:
        return [one.name, other.name]

    assert structured(names) == '{"result":["primary","replica of primary"]}'


def test_failed_provider_is_called_again(capsys):
    attempts = []

    @provider
    def store() -> Store:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        return Store()

    @tool
    def name(store: Store) -> str:
        return store.name

    assert tool_of(name).call("{}", LocalContext()).is_error
    assert "not yet" in capsys.readouterr().err
    assert structured(name) == '{"result":"real"}'


class TestRefused:
    def test_without_a_type(self):
        with pytest.raises(DeclarationError, match=r"provider `f`: its return annotation must be"):

            @provider
            def f(): ...

    @pytest.mark.parametrize("made", ["str", "dict[str, Store]", "None", "Store | None"])
    def test_builtin_type(self, made):
        with pytest.raises(DeclarationError, match="a class of your own or a `NewType`"):
            exec(f"@provider\ndef f() -> {made}: ...", {"provider": provider, "Store": Store})  # noqa: S102 - of this test

    def test_two_of_one_type(self, made):
        declared(made)
        with pytest.raises(DeclarationError, match=r"`Store` is already made by `.*store`"):

            @provider
            def another() -> Store: ...

    def test_parameter_without_provider(self):
        with pytest.raises(DeclarationError, match=r"provider `service`, parameter `store`: it has no provider"):

            @provider
            def service(store: Store) -> Service: ...

    def test_a_generator(self):
        with pytest.raises(DeclarationError, match="only a plain function"):

            @provider
            def store() -> Store:
                yield Store()

    def test_late_provider(self):
        from dataclasses import dataclass

        @dataclass
        class Options:
            a: int = 1

        @tool
        def f(options: Options) -> int:
            return options.a

        with pytest.raises(DeclarationError, match=r"tool `f`, parameter `options`: it is made by the provider `late`"):

            @provider
            def late() -> Options:
                return Options()

    def test_without_any_provider(self):
        with pytest.raises(DeclarationError, match=r"`Store` has no JSON Schema.*declare a `@provider` above"):

            @tool
            def f(store: Store) -> str: ...
