// Reads [{schema, values}] from standard input and writes, for each, what the official TypeScript client finds wrong:
// null, or {"compile": message}, or {"values": [message or null, ...]}. One validator for all, as the client has it.
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import { CallToolResultSchema, ListToolsResultSchema } from "@modelcontextprotocol/sdk/types.js";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const client = new AjvJsonSchemaValidator();
const results = JSON.parse(text).map(({ schema, values }, index) => {
  const found = {};
  try {
    if (schema.type === "object") {
      const tool = { name: `t${index}`, inputSchema: schema, outputSchema: schema };
      ListToolsResultSchema.parse({ tools: [tool] });
    }
    const validate = client.getValidator(schema);
    found.values = values.map((value) => {
      const { valid, errorMessage } = validate(value);
      if (schema.type === "object" && valid) CallToolResultSchema.parse({ content: [], structuredContent: value });
      return valid ? null : errorMessage;
    });
  } catch (error) {
    found.compile = String(error.message);
  }
  return found.compile === undefined && found.values.every((value) => value === null) ? null : found;
});
process.stdout.write(JSON.stringify(results));
