/** Polyfills of globals that the engine lacks. Imported before everything else. */

import { getRandomBytes } from "wasi:random/random@0.2.8";

import { AbortController, AbortSignal } from "./abort.ts";
import { ownConsole } from "./console.ts";
import { Headers, Request, Response } from "./http.ts";
import { isLive, startTimer, stopTimer } from "./loop.ts";
import { count } from "./numbers.ts";
import { enqueue, Eventual } from "./promise.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { URL, URLSearchParams } from "./url.ts";
import { clone } from "./clone.ts";

const scope = globalThis as any;

function define(name: string, value: unknown): void {
  Object.defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: false });
}

/** Define a global, if the engine lacks it. */
function provide(name: string, value: unknown): void {
  if (!(name in scope)) define(name, value);
}

function random(size: number): Uint8Array {
  if (!isLive()) throw new Error("there are no random values while the component is being built: they would be frozen");
  return Uint8Array.from(getRandomBytes(count(size)));
}

const QUOTA = 65536;

const crypto = {
  getRandomValues<T extends ArrayBufferView>(array: T): T {
    if (array.byteLength > QUOTA) throw new RangeError(`at most ${QUOTA} bytes at once`);
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random(array.byteLength));
    return array;
  },
  randomUUID(): string {
    const bytes = random(16);
    bytes[6] = (bytes[6]! & 15) | 64;
    bytes[8] = (bytes[8]! & 63) | 128;
    const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};

// The engine's own generator is seeded during the build: every instance would generate the same numbers.
let seed: Uint32Array | undefined;

function drawn(): number {
  seed ??= new Uint32Array(random(16).slice().buffer);
  let high = seed[0]!;
  const low = seed[3]!;
  // xorshift128 (Marsaglia 2003)
  high ^= high << 11;
  high ^= high >>> 8;
  seed.copyWithin(0, 1);
  seed[3] = low ^ (low >>> 19) ^ high;
  return seed[3];
}

const frozen = Math.random;
Math.random = () => (isLive() ? ((drawn() >>> 0) * 2097152 + (drawn() >>> 11 & 2097151)) / 9007199254740992 : frozen());

define("Promise", Eventual);
define("queueMicrotask", (job: () => void) => enqueue(job));
define("console", ownConsole);
define("setTimeout", (callback: any, delay = 0, ...given: any[]) => startTimer(callback, delay, false, given));
define("setInterval", (callback: any, delay = 0, ...given: any[]) => startTimer(callback, delay, true, given));
define("setImmediate", (callback: any, ...given: any[]) => startTimer(callback, 0, false, given));
define("clearTimeout", stopTimer);
define("clearInterval", stopTimer);
define("clearImmediate", stopTimer);
define("crypto", crypto);
provide("TextEncoder", TextEncoder);
provide("TextDecoder", TextDecoder);
provide("URL", URL);
provide("URLSearchParams", URLSearchParams);
provide("structuredClone", clone);

define("AbortController", AbortController);
define("AbortSignal", AbortSignal);
define("Headers", Headers);
define("Request", Request);
define("Response", Response);
// With the grant, `fetch.ts` replaces it.
define("fetch", async () => {
  throw new TypeError('`fetch` needs the grant "http": `grants = ["http"]` in the table of the component');
});
// The engine's own version would wait for the engine's promises.
(Array as any).fromAsync = async (items: any, map?: (item: any, index: number) => any) => {
  const found: any[] = [];
  for await (const item of items) found.push(map === undefined ? item : await map(item, found.length));
  return found;
};
