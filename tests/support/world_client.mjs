// The official TypeScript client on the URL of a server under test.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const client = new Client({ name: "test", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const { tools } = await client.listTools();
const result = await client.callTool({ name: "fetch", arguments: { url: "https://api.example.org/x" } });
console.log(JSON.stringify({ tools: tools.map((tool) => tool.name), result: result.structuredContent }));
await client.close();
