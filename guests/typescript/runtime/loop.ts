/** Event loop: timers and other pollables of a call. One call runs at a time. */

import { subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.8";
import { poll, type Pollable } from "wasi:io/poll@0.2.8";

import { drain, enqueue, Eventual, forget } from "./promise.ts";
import { count } from "./numbers.ts";

interface Waiting {
  pollable: Pollable;
  wake: () => void;
}

const waiting = new Map<number, Waiting>();
let last = 0;
let live = false;

/** True at run time: during the build, imports are not available. */
export function isLive(): boolean {
  return live;
}

/** @internal Use imports from now on: in unit tests, which have no build. */
export function goLive(): void {
  live = true;
}

/** Run a callback when a pollable is ready, and drop the pollable. Returns an id for `stopWaiting`. */
export function whenReady(pollable: Pollable, wake: () => void): number {
  last += 1;
  waiting.set(last, { pollable, wake });
  return last;
}

/** Stop waiting for a pollable, and drop it. */
export function stopWaiting(id: number): void {
  const found = waiting.get(id);
  if (found === undefined) return;
  waiting.delete(id);
  idle.delete(id);
  found.pollable[Symbol.dispose]();
}

/** Return a promise that is resolved when a pollable is ready. */
export function ready(pollable: Pollable): Promise<void> {
  return new Promise((resolve) => whenReady(pollable, resolve));
}

interface Disposable {
  [Symbol.dispose](): void;
}

// In the order of creation: child resources come after their parents, and must be dropped before them.
const held = new Set<Disposable>();

/** Register a handle, so that it is dropped at the end of the call. */
export function hold<T extends Disposable>(resource: T): T {
  held.add(resource);
  return resource;
}

/** Drop a handle; with `drop` false only unregister it, because its ownership was passed on. */
export function release(resource: Disposable, drop = true): void {
  if (held.delete(resource) && drop) resource[Symbol.dispose]();
}

const timers = new Map<number, number>();
// Timers that do not keep the call alive.
const idle = new Set<number>();

/** `setTimeout` and `setInterval`. */
export function startTimer(
  callback: (...given: any[]) => void,
  delay: number,
  repeat: boolean,
  given: any[],
  alone = false,
): number {
  if (!live) throw new Error("a timer cannot be started while the component is being built");
  last += 1;
  const id = last;
  const nanoseconds = Math.max(0, Number.isFinite(+delay) ? Math.round(+delay * 1e6) : 0);
  const arm = () => {
    const waits = whenReady(subscribeDuration(count(nanoseconds)), fire);
    timers.set(id, waits);
    if (alone) idle.add(waits);
  };
  const fire = () => {
    timers.delete(id);
    if (repeat) arm();
    callback(...given);
  };
  arm();
  return id;
}

/** `clearTimeout` and `clearInterval`. */
export function stopTimer(id: number | undefined): void {
  const held = id === undefined ? undefined : timers.get(id);
  if (id === undefined || held === undefined) return;
  timers.delete(id);
  stopWaiting(held);
}

function turn(): void {
  const ids = [...waiting.keys()];
  const found = poll(ids.map((id) => waiting.get(id)!.pollable));
  for (const index of found) {
    const id = ids[index]!;
    const item = waiting.get(id);
    if (item === undefined) continue;
    stopWaiting(id);
    enqueue(item.wake);
  }
}

/** Error for a call that can never end. */
export class Stuck extends Error {
  constructor() {
    super("this function waits for something that can never happen: all of its promises are pending");
  }
}

/**
 * Run a function, sync or async, to its end.
 *
 * `gone` is called whenever everything waits; true ends the run without a result.
 */
export function complete<T>(make: () => T | PromiseLike<T>, gone: () => boolean): { value: T } | "idle" {
  live = true;
  try {
    const value = make();
    if (value === null || typeof value !== "object" || typeof (value as any).then !== "function") {
      return { value: value as T };
    }
    const promise = Eventual.resolve(value) as Eventual<T>;
    for (;;) {
      drain();
      const { state, value: settled } = promise.outcome();
      if (state === "fulfilled") return { value: settled as T };
      if (state === "rejected") throw settled;
      if (gone()) return "idle";
      if (waiting.size === idle.size) throw new Stuck();
      turn();
    }
  } finally {
    for (const id of [...waiting.keys()]) stopWaiting(id);
    timers.clear();
    for (const resource of [...held].reverse()) release(resource);
    for (const reason of forget()) console.error("a rejected promise was not handled:", reason);
  }
}
