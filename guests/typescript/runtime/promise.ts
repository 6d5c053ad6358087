/**
 * Promises with an explicit job queue.
 *
 * A component's exports are synchronous calls, and the engine runs no jobs of its own promises during one. The bundler
 * converts `async` functions to generators over the global `Promise`, which is this class: all waiting happens here.
 */

type Job = () => void;
type State = "pending" | "fulfilled" | "rejected";

let jobs: Job[] = [];
let rejected = new Set<Eventual<any>>();

/** Add a job to the end of the queue. */
export function enqueue(job: Job): void {
  jobs.push(job);
}

/** Run jobs until the queue is empty. */
export function drain(): void {
  for (let next = 0; next < jobs.length; next += 1) {
    jobs[next]!();
    if (next === 1023) {
      jobs = jobs.slice(next + 1);
      next = -1;
    }
  }
  jobs = [];
}

/** Clear the state of a call; return the reasons of unhandled rejections. */
export function forget(): unknown[] {
  const reasons = [...rejected].map((promise) => promise.reason());
  jobs = [];
  rejected = new Set();
  return reasons;
}

type Resolve<T> = (value: T | PromiseLike<T>) => void;
type Reject = (reason?: unknown) => void;

/** Promise as in ECMA-262, section 27.2, with the job queue above. */
export class Eventual<T> implements PromiseLike<T> {
  #state: State = "pending";
  #value: unknown;
  #reactions: Job[] = [];

  constructor(executor: (resolve: Resolve<T>, reject: Reject) => void) {
    if (typeof executor !== "function") throw new TypeError("a Promise needs a function");
    const [resolve, reject] = this.#settlers();
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  #settlers(): [Resolve<T>, Reject] {
    let done = false;
    const once = (settle: (value: any) => void) => (value: any) => {
      if (done) return;
      done = true;
      settle(value);
    };
    return [once((value) => this.#resolve(value)), once((reason) => this.#settle("rejected", reason))];
  }

  #resolve(value: any): void {
    if (value === (this as unknown)) {
      this.#settle("rejected", new TypeError("a Promise cannot be resolved with itself"));
      return;
    }
    let then: unknown;
    try {
      then = value !== null && (typeof value === "object" || typeof value === "function") ? value.then : undefined;
    } catch (error) {
      this.#settle("rejected", error);
      return;
    }
    if (typeof then !== "function") {
      this.#settle("fulfilled", value);
      return;
    }
    const [resolve, reject] = this.#settlers();
    enqueue(() => {
      try {
        (then as Function).call(value, resolve, reject);
      } catch (error) {
        reject(error);
      }
    });
  }

  #settle(state: State, value: unknown): void {
    this.#state = state;
    this.#value = value;
    if (state === "rejected" && this.#reactions.length === 0) rejected.add(this);
    for (const reaction of this.#reactions) enqueue(reaction);
    this.#reactions = [];
  }

  /** The reason of the rejection. */
  reason(): unknown {
    return this.#value;
  }

  /** The state, for the event loop. Reading it counts as handling a rejection. */
  outcome(): { state: State; value: unknown } {
    rejected.delete(this);
    return { state: this.#state, value: this.#value };
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    failed?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Eventual<A | B> {
    const Kind = speciesOf(this);
    return new Kind((resolve: Resolve<any>, reject: Reject) => {
      const react = () => {
        const handler = this.#state === "fulfilled" ? fulfilled : failed;
        try {
          if (typeof handler === "function") resolve(handler(this.#value as any));
          else if (this.#state === "fulfilled") resolve(this.#value);
          else reject(this.#value);
        } catch (error) {
          reject(error);
        }
      };
      rejected.delete(this);
      if (this.#state === "pending") this.#reactions.push(react);
      else enqueue(react);
    }) as Eventual<A | B>;
  }

  catch<B = never>(failed?: ((reason: any) => B | PromiseLike<B>) | null): Eventual<T | B> {
    return this.then(undefined, failed);
  }

  finally(done?: (() => void) | null): Eventual<T> {
    if (typeof done !== "function") return this.then();
    return this.then(
      (value) => Eventual.resolve(done()).then(() => value),
      (reason) =>
        Eventual.resolve(done()).then(() => {
          throw reason;
        }),
    );
  }

  get [Symbol.toStringTag](): string {
    return "Promise";
  }

  static get [Symbol.species](): typeof Eventual {
    return this;
  }

  static resolve(value?: any): Eventual<any> {
    if (value instanceof Eventual && value.constructor === this) return value;
    return new this((resolve) => resolve(value));
  }

  static reject(reason?: unknown): Eventual<never> {
    return new this((_, reject) => reject(reason)) as Eventual<never>;
  }

  static withResolvers<T>(): { promise: Eventual<T>; resolve: Resolve<T>; reject: Reject } {
    let resolve!: Resolve<T>;
    let reject!: Reject;
    const promise = new this<T>((...settlers) => ([resolve, reject] = settlers));
    return { promise, resolve, reject };
  }

  static try(make: (...given: any[]) => any, ...given: any[]): Eventual<any> {
    return new this((resolve) => resolve(make(...given)));
  }

  static all(items: Iterable<any>): Eventual<any[]> {
    return gather(this, items, (item, at, found, done, _, reject) => {
      item.then((value) => done(found, at, value), reject);
    });
  }

  static allSettled(items: Iterable<any>): Eventual<any[]> {
    return gather(this, items, (item, at, found, done) => {
      item.then(
        (value) => done(found, at, { status: "fulfilled", value }),
        (reason) => done(found, at, { status: "rejected", reason }),
      );
    });
  }

  static any(items: Iterable<any>): Eventual<any> {
    return gather(
      this,
      items,
      (item, at, found, done, resolve) => {
        item.then(resolve, (reason) => done(found, at, reason));
      },
      (reasons) => Eventual.reject(new AggregateError(reasons, "all promises were rejected")),
    );
  }

  static race(items: Iterable<any>): Eventual<any> {
    return new this((resolve, reject) => {
      for (const item of items) this.resolve(item).then(resolve, reject);
    });
  }
}

function speciesOf(promise: Eventual<any>): typeof Eventual {
  const kind = promise.constructor as any;
  return kind?.[Symbol.species] ?? Eventual;
}

type Done = (found: unknown[], at: number, value: unknown) => void;
type Follow = (item: Eventual<any>, at: number, found: unknown[], done: Done, resolve: any, reject: any) => void;

/** Combine promises: `follow` handles each result, `finish` the whole. */
function gather(Kind: typeof Eventual, items: Iterable<any>, follow: Follow, finish = (found: unknown[]): any => found): any {
  return new Kind((resolve: any, reject: any) => {
    const found: unknown[] = [];
    let left = 1;
    const arrived = () => {
      left -= 1;
      if (left === 0) resolve(finish(found));
    };
    const done: Done = (list, at, value) => {
      list[at] = value;
      arrived();
    };
    let count = 0;
    for (const item of items) {
      left += 1;
      follow(Kind.resolve(item), count, found, done, resolve, reject);
      count += 1;
    }
    found.length = count;
    arrived();
  });
}
