"""Requests to the everything server, method by method."""

from __future__ import annotations

from typing import Any

Case = tuple[str, dict[str, Any]]

PROGRESS = {"_meta": {"progressToken": "p"}}
TOOLS = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_resource_link",
    "test_multiple_content_types",
    "test_structured_content",
    "test_error_handling",
    "test_logging_tool",
)
ASKING = (
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_elicitation_url",
    "test_streaming_elicitation",
    "test_sampling_with_tools",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_request_state",
)

PROMPT = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
TEMPLATE = {"type": "ref/resource", "uri": "test://files/{+path}{?line}"}

ANSWERED: list[Case] = [
    ("tools/list", {}),
    *(("tools/call", {"name": name, "arguments": {}}) for name in TOOLS),
    ("tools/call", {"name": "test_tool_with_progress", "arguments": {}, **PROGRESS}),
    ("tools/call", {"name": "test_tool_with_logging", "arguments": {}}),
    ("tools/call", {"name": "test_simple_text"}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "test://static-text"}),
    ("resources/read", {"uri": "test://static-binary"}),
    ("resources/read", {"uri": "test://folder"}),
    ("resources/read", {"uri": "test://template/7/data"}),
    ("resources/read", {"uri": "test://files/a/b.txt?line=3"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "test_simple_prompt"}),
    ("prompts/get", {"name": "test_prompt_with_arguments", "arguments": {"arg1": "a", "arg2": "b"}}),
    ("prompts/get", {"name": "test_prompt_with_embedded_resource", "arguments": {"resourceUri": "test://x"}}),
    ("prompts/get", {"name": "test_prompt_with_image"}),
    ("prompts/get", {"name": "test_conversation", "arguments": {"tone": "friendly"}}),
    ("completion/complete", {"ref": PROMPT, "argument": {"name": "arg1", "value": "p"}}),
    ("completion/complete", {"ref": TEMPLATE, "argument": {"name": "path", "value": "s"}}),
]
"""Answered with a result in every revision that has the method."""

REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("tools/call", {"name": "nope", "arguments": {}}, -32602),
    ("tools/call", {}, -32602),
    ("prompts/get", {"name": "nope"}, -32602),
    ("prompts/get", {"name": "test_prompt_with_arguments"}, -32602),
    ("tools/list", {"cursor": "no cursor of this server"}, -32602),
    ("nope", {}, -32601),
]
"""Answered with an error of that code in every revision."""

OLDER: list[Case] = [("ping", {}), ("logging/setLevel", {"level": "debug"})]
"""Only in the revisions that begin with a handshake."""

MODERN: list[Case] = [
    ("server/discover", {}),
    *(("tools/call", {"name": name, "arguments": {}}) for name in ASKING),
    ("prompts/get", {"name": "test_input_required_result_prompt"}),
]
"""Only in 2026-07-28."""

CAPABILITIES = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
