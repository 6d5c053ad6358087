// Mapping of lines of the script to lines of the author's files, for stack traces at run time.

import path from "node:path";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function* numbers(text) {
  let value = 0;
  let shift = 0;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    yield value & 1 ? -(value >> 1) : value >> 1;
    value = shift = 0;
  }
}

/**
 * Read the positions from a source map (ECMA-426); see guests/typescript/runtime/places.ts. Only files for which
 * `labelOf` returns a label are included.
 */
export function places(map, root, labelOf) {
  const files = [];
  const known = new Map();
  const lines = [];
  let source = 0;
  let line = 0;
  map.mappings.split(";").forEach((segments, at) => {
    let first;
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [, toSource, toLine] = [...numbers(segment)];
      if (toSource === undefined) continue;
      source += toSource;
      line += toLine;
      first ??= [source, line];
    }
    if (first === undefined) return;
    const label = labelOf(path.resolve(root, map.sources[first[0]]));
    if (label === undefined) return;
    if (!known.has(label)) known.set(label, files.push(label) - 1);
    lines.push([at + 1, known.get(label), first[1] + 1]);
  });
  return { files, lines };
}
