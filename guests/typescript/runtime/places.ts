/** Mapping of stack traces to the author's files: the engine has only the positions in the bundle. */

/** Line of the bundle -> file and line, `[line, index of the file, its line]`, in order; written by the bundler. */
export interface Places {
  files: string[];
  lines: [number, number, number][];
}

declare const globalThis: { __wasmcp_places?: Places };

function placeOf(line: number): string | undefined {
  const places = globalThis.__wasmcp_places;
  if (places === undefined) return undefined;
  let low = 0;
  let high = places.lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places.lines[middle]![0] <= line) low = middle + 1;
    else high = middle;
  }
  const found = places.lines[low - 1];
  return found === undefined || found[0] !== line ? undefined : `${places.files[found[1]]}:${found[2]}`;
}

const FRAME = /^\s*(?:at )?(.*?)[\s(@]*[^\s(@]*?:(\d+)(?::\d+)?\)?$/;

/** Format an error with its message, its stack in the author's files, and its causes. */
export function located(error: Error): string {
  // Unit tests have no bundle.
  if (globalThis.__wasmcp_places === undefined && error.stack !== undefined) return error.stack;
  const frames: string[] = [];
  for (const line of String(error.stack ?? "").split("\n")) {
    const match = FRAME.exec(line);
    const place = match === null ? undefined : placeOf(Number(match[2]));
    if (place !== undefined) frames.push(`    at ${match![1] ? `${match![1]} (${place})` : place}`);
  }
  let text = [`${error.name}: ${error.message}`, ...frames].join("\n");
  if (error instanceof AggregateError) {
    for (const inner of error.errors) text += `\n  ${inner instanceof Error ? located(inner) : String(inner)}`;
  }
  const cause = error.cause;
  if (cause !== undefined && cause !== error) {
    text += `\ncaused by: ${cause instanceof Error ? located(cause) : String(cause)}`;
  }
  return text;
}
