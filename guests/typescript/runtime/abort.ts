/** `AbortController` and `AbortSignal` of the DOM standard, without events other than `abort`. */

import { startTimer } from "./loop.ts";

type Listener = (event: { type: "abort"; target: AbortSignal }) => void;

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

export class AbortSignal {
  aborted = false;
  reason: unknown;
  onabort: Listener | null = null;
  #listeners = new Set<Listener>();

  addEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.add(listener);
  }
  removeEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.delete(listener);
  }
  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** @internal */
  abort(reason: unknown = named("AbortError", "it was aborted")): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const event = { type: "abort" as const, target: this };
    this.onabort?.(event);
    for (const listener of this.#listeners) listener(event);
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal();
    signal.abort(reason);
    return signal;
  }
  /** Return a signal that is aborted after some milliseconds. */
  static timeout(milliseconds: number): AbortSignal {
    const signal = new AbortSignal();
    const fire = () => signal.abort(named("TimeoutError", `it took longer than ${milliseconds} ms`));
    startTimer(fire, milliseconds, false, [], true);
    return signal;
  }
  /** Return a signal that is aborted when the first of several is. */
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = new AbortSignal();
    for (const one of signals) {
      if (one.aborted) all.abort(one.reason);
      else one.addEventListener("abort", () => all.abort(one.reason));
    }
    return all;
  }
}

export class AbortController {
  readonly signal = new AbortSignal();

  abort(reason?: unknown): void {
    this.signal.abort(reason);
  }
}

/** Return a promise that is rejected if the signal is aborted before the given promise is settled. */
export function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const listener = () => reject(signal.reason);
    signal.addEventListener("abort", listener);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", listener));
  });
}

