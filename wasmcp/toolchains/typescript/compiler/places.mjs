// Which line of the author's files a line of the script comes from: stack traces at run time are told in those.

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

/** The places in a source map (ECMA-426), see guest/runtime/places.ts; of files that `wanted` does not name there are none. */
export function places(map, root, wanted) {
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
    const label = wanted(path.resolve(root, map.sources[first[0]]));
    if (label === undefined) return;
    if (!known.has(label)) known.set(label, files.push(label) - 1);
    lines.push([at + 1, known.get(label), first[1] + 1]);
  });
  return { files, lines };
}
