-- Requests for wrk: TOOL (add, wait, echo) and SIZE (bytes of the text of echo) come as arguments.
local tool, size, checked = "add", 0, false
local wrong = 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  tool = args[1] or "add"
  size = tonumber(args[2] or "0")
  checked = args[3] == "checked"
  local arguments = '{"a":3,"b":2}'
  if tool == "echo" then
    arguments = '{"text":"' .. string.rep("x", size) .. '"}'
  end
  local body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"' .. tool .. '","arguments":' .. arguments
    .. ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
  wrk.method = "POST"
  wrk.path = "/mcp"
  wrk.body = body
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Accept"] = "application/json, text/event-stream"
  wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
  wrk.headers["Mcp-Method"] = "tools/call"
  wrk.headers["Mcp-Name"] = tool
  expected = tool == "echo" and string.rep("x", math.min(size, 64)) or '"result":5'
end

wrong_answers = 0

function response(status, headers, body)
  if status ~= 200 or (checked and not string.find(body, expected, 1, true)) then
    wrong_answers = wrong_answers + 1
  end
end

function done(summary, latency, requests)
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong_answers")
  end
  local found = summary.errors
  io.write(string.format(
    '\nJSON {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,'
      .. '"connect":%d,"read":%d,"write":%d,"timeout":%d,"wrong":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    found.connect, found.read, found.write, found.timeout, wrong))
end
