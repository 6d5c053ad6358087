/** 64-bit numbers: each engine takes and gives them in its own way. */

declare const WASMCP_BIGINT: boolean;

/** A number for a parameter of type `u64` or `s64`. */
export function count(value: number | bigint): any {
  return WASMCP_BIGINT ? BigInt(value) : Number(value);
}

/**
 * The number that a text stands for, as JSON has numbers; undefined for every other text. `Number` also reads `0x10`,
 * ` 1 ` and the empty text. RFC 8259, section 6.
 */
export function numberIn(text: string): number | undefined {
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text)) return undefined;
  const found = Number(text);
  return Number.isFinite(found) ? found : undefined;
}
