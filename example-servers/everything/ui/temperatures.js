const waiting = new Map();
let last = 0;
let city = "Oslo";

function send(method, params) {
  last += 1;
  parent.postMessage({ jsonrpc: "2.0", id: last, method, params }, "*");
  return new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
}

function item([day, degrees]) {
  const shown = document.createElement("li");
  shown.textContent = `${day}: ${degrees} degrees`;
  shown.style.setProperty("--degrees", degrees);
  return shown;
}

addEventListener("message", ({ data }) => {
  if (data.id !== undefined && !data.method) {
    const { resolve, reject } = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) reject(new Error(data.error.message));
    else resolve(data.result);
  } else if (data.method === "ui/notifications/tool-input") {
    city = data.params.arguments?.city ?? city;
  } else if (data.method === "ui/notifications/tool-result") {
    const days = Object.entries(data.params.structuredContent ?? {});
    document.getElementById("days").replaceChildren(...days.map(item));
  }
});

document.getElementById("warmest").addEventListener("click", async () => {
  const result = await send("tools/call", { name: "warmest_day", arguments: { city } });
  document.getElementById("answer").textContent = result.content[0].text;
});

const appInfo = { name: "temperatures", version: "1" };
await send("ui/initialize", { protocolVersion: "2026-01-26", appInfo, appCapabilities: {} });
parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/initialized", params: {} }, "*");
