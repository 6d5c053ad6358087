/** `structuredClone`, for plain data, dates, maps, sets, buffers and errors. */

/** Return a deep copy. Throws a `TypeError` for functions and symbols. */
export function clone<T>(value: T, seen = new Map<unknown, unknown>()): T {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError(`a ${typeof value} cannot be cloned`);
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value) as T;
  const keep = <C>(copy: C): C => {
    seen.set(value, copy);
    return copy;
  };
  if (value instanceof Date) return keep(new Date(value)) as T;
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags)) as T;
  if (value instanceof ArrayBuffer) return keep(value.slice(0)) as T;
  if (ArrayBuffer.isView(value)) {
    const kind = value.constructor as any;
    const bytes = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
    return keep(new kind(bytes));
  }
  if (value instanceof Map) {
    const copy = keep(new Map());
    for (const [key, item] of value) copy.set(clone(key, seen), clone(item, seen));
    return copy as T;
  }
  if (value instanceof Set) {
    const copy = keep(new Set());
    for (const item of value) copy.add(clone(item, seen));
    return copy as T;
  }
  if (value instanceof Error) {
    const kind = [TypeError, RangeError, SyntaxError, ReferenceError].find((one) => value instanceof one) ?? Error;
    const copy = keep(new kind(value.message));
    if (value.stack !== undefined) copy.stack = value.stack;
    return copy as T;
  }
  const copy: any = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const [key, item] of Object.entries(value)) copy[key] = clone(item, seen);
  return copy;
}
