/** 64-bit numbers: each engine takes and gives them in its own way. */

declare const WASMCP_BIGINT: boolean;

/** A number for a parameter of type `u64` or `s64`. */
export function count(value: number | bigint): any {
  return WASMCP_BIGINT ? BigInt(value) : Number(value);
}
