// Reads [{pattern, texts}] from standard input and writes, for each, null when `new RegExp(pattern, "u")` throws, or
// in which of the texts it is found. JSON Schema validators of JavaScript compile patterns with the flag `u`.
let text = "";
for await (const chunk of process.stdin) text += chunk;
const results = JSON.parse(text).map(({ pattern, texts }) => {
  let expression;
  try {
    expression = new RegExp(pattern, "u");
  } catch {
    return null;
  }
  return texts.map((item) => expression.test(item));
});
process.stdout.write(JSON.stringify(results));
