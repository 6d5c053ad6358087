"""A knowledge graph of entities and relations, kept in the key-value store."""

import json
from collections.abc import Callable
from typing import Annotated, Any, TypedDict, TypeVar

from wasmcp.guest import Context, Field, ToolError, ToolResult, kv, resource, tool

T = TypeVar("T")
URI = "memory://knowledge-graph"
Names = Annotated[list[str], Field(description="Names of entities")]


class Entity(TypedDict):
    """A node of the graph."""

    name: Annotated[str, Field(description="The name of the entity")]
    entityType: Annotated[str, Field(description="The type of the entity")]
    observations: Annotated[list[str], Field(description="What is known of the entity")]


Relation = TypedDict("Relation", {"from": str, "to": str, "relationType": str})


class Graph(TypedDict):
    """The graph, or a part of it."""

    entities: list[Entity]
    relations: list[Relation]


class Addition(TypedDict):
    """Observations to add to an entity."""

    entityName: str
    contents: list[str]


class Deletion(TypedDict):
    """Observations to delete from an entity."""

    entityName: str
    observations: list[str]


def graph() -> Graph:
    """Return the stored graph."""
    return kv.open("memory").get("graph", kind=Graph) or Graph(entities=[], relations=[])


def changed(context: Context, work: Callable[[Graph], T]) -> T:
    """Return the result of work that changes the graph; other instances do not change it at the same time."""
    results: list[T] = []

    def change(stored: Graph | None) -> Graph:
        found = stored or Graph(entities=[], relations=[])
        results.append(work(found))
        return found

    kv.open("memory").update("graph", change, kind=Graph)
    context.resource_updated(URI)
    return results[-1]


def result(name: str, items: list[Any]) -> ToolResult:
    """Return a list as text, and as a member of the structured content."""
    return ToolResult([json.dumps(items, ensure_ascii=False, indent=2)], {name: items})


def around(found: Graph, entities: list[Entity]) -> Graph:
    """Return the part of a graph with these entities, and the relations of any of them."""
    names = {entity["name"] for entity in entities}
    relations = [one for one in found["relations"] if one["from"] in names or one["to"] in names]
    return Graph(entities=entities, relations=relations)


@tool(read_only=False, destructive=False)
def create_entities(entities: list[Entity], context: Context) -> ToolResult:
    """Create multiple new entities in the knowledge graph."""

    def create(found: Graph) -> list[Entity]:
        known = {entity["name"] for entity in found["entities"]}
        new = [entity for entity in entities if entity["name"] not in known]
        found["entities"] += new
        return new

    return result("entities", changed(context, create))


@tool(read_only=False, destructive=False)
def create_relations(relations: list[Relation], context: Context) -> ToolResult:
    """Create multiple new relations between entities in the knowledge graph."""

    def create(found: Graph) -> list[Relation]:
        new = [relation for relation in relations if relation not in found["relations"]]
        found["relations"] += new
        return new

    return result("relations", changed(context, create))


@tool(read_only=False, destructive=False)
def add_observations(observations: list[Addition], context: Context) -> ToolResult:
    """Add new observations to existing entities in the knowledge graph."""

    def add(found: Graph) -> list[Any]:
        by_name = {entity["name"]: entity for entity in found["entities"]}
        added = []
        for addition in observations:
            entity = by_name.get(addition["entityName"])
            if entity is None:
                raise ToolError(f"Entity with name {addition['entityName']} not found")
            new = [text for text in addition["contents"] if text not in entity["observations"]]
            entity["observations"] += new
            added.append({"entityName": entity["name"], "addedObservations": new})
        return added

    return result("results", changed(context, add))


@tool(destructive=True, idempotent=True)
def delete_entities(entityNames: Names, context: Context) -> str:
    """Delete multiple entities and their associated relations from the knowledge graph."""

    def delete(found: Graph) -> None:
        found["entities"] = [entity for entity in found["entities"] if entity["name"] not in entityNames]
        relations = found["relations"]
        found["relations"] = [r for r in relations if r["from"] not in entityNames and r["to"] not in entityNames]

    changed(context, delete)
    return "Entities deleted successfully"


@tool(destructive=True, idempotent=True)
def delete_observations(deletions: list[Deletion], context: Context) -> str:
    """Delete specific observations from entities in the knowledge graph."""

    def delete(found: Graph) -> None:
        for deletion in deletions:
            for entity in found["entities"]:
                if entity["name"] == deletion["entityName"]:
                    kept = [text for text in entity["observations"] if text not in deletion["observations"]]
                    entity["observations"] = kept

    changed(context, delete)
    return "Observations deleted successfully"


@tool(destructive=True, idempotent=True)
def delete_relations(relations: list[Relation], context: Context) -> str:
    """Delete multiple relations from the knowledge graph."""

    def delete(found: Graph) -> None:
        found["relations"] = [relation for relation in found["relations"] if relation not in relations]

    changed(context, delete)
    return "Relations deleted successfully"


@tool(read_only=True)
def read_graph() -> Graph:
    """Read the entire knowledge graph."""
    return graph()


@tool(read_only=True)
def search_nodes(query: str) -> Graph:
    """Search for nodes by entity names, types, and observation content."""
    found = graph()
    words = query.lower()

    def mentions(entity: Entity) -> bool:
        return any(words in text.lower() for text in (entity["name"], entity["entityType"], *entity["observations"]))

    return around(found, [entity for entity in found["entities"] if mentions(entity)])


@tool(read_only=True)
def open_nodes(names: Names) -> Graph:
    """Open specific nodes in the knowledge graph by their names."""
    found = graph()
    return around(found, [entity for entity in found["entities"] if entity["name"] in names])


@resource(URI, name="knowledge-graph", title="Knowledge Graph", mime_type="application/json")
def whole_graph() -> Graph:
    """The full knowledge graph with all entities and relations."""
    return graph()
