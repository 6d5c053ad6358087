/** 64-bit numbers, which the engines represent differently. */

declare const WASMCP_BIGINT: boolean;

/** Convert a number to a parameter of type `u64` or `s64`. */
export function count(value: number | bigint): any {
  return WASMCP_BIGINT ? BigInt(value) : Number(value);
}

/**
 * Parse a text as a JSON number; undefined for every other text. `Number` would also accept `0x10`,
 * ` 1 ` and the empty text. RFC 8259, section 6.
 */
export function numberIn(text: string): number | undefined {
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text)) return undefined;
  const found = Number(text);
  return Number.isFinite(found) ? found : undefined;
}
