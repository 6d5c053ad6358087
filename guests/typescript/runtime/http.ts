/** `Headers`, `Request` and `Response` of the WHATWG Fetch standard, limited to the parts that components need. */

import { bytesOf } from "./encoding.ts";
import { decode, encode } from "./text.ts";
import { URLSearchParams } from "./url.ts";

/** Accepted types of a body. */
export type BodySource = string | ArrayBuffer | ArrayBufferView | URLSearchParams | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export class Headers {
  #fields: [string, string][] = [];

  constructor(from: Headers | Iterable<readonly [string, string]> | Record<string, string> | undefined = undefined) {
    const given = from === undefined ? [] : Symbol.iterator in from ? (from as Iterable<readonly [string, string]>) : Object.entries(from);
    for (const [name, value] of given) this.append(name, value);
  }

  #checked(name: string, value: string): [string, string] {
    const text = `${value}`.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, "");
    if (!NAME.test(name)) throw new TypeError(`\`${name}\` is not the name of a header`);
    if (/[\0\r\n]/.test(text)) throw new TypeError(`the header \`${name}\` has a value with a line break`);
    return [name.toLowerCase(), text];
  }

  append(name: string, value: string): void {
    this.#fields.push(this.#checked(name, value));
  }
  delete(name: string): void {
    const lower = name.toLowerCase();
    this.#fields = this.#fields.filter((field) => field[0] !== lower);
  }
  get(name: string): string | null {
    const lower = name.toLowerCase();
    const found = this.#fields.filter((field) => field[0] === lower);
    return found.length === 0 ? null : found.map((field) => field[1]).join(", ");
  }
  getSetCookie(): string[] {
    return this.#fields.filter((field) => field[0] === "set-cookie").map((field) => field[1]);
  }
  has(name: string): boolean {
    return this.get(name) !== null;
  }
  set(name: string, value: string): void {
    const field = this.#checked(name, value);
    this.delete(name);
    this.#fields.push(field);
  }
  forEach(callback: (value: string, name: string, all: Headers) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }
  *entries(): IterableIterator<[string, string]> {
    for (const name of [...new Set(this.#fields.map((field) => field[0]))].sort()) {
      if (name === "set-cookie") for (const value of this.getSetCookie()) yield [name, value];
      else yield [name, this.get(name)!];
    }
  }
  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }
  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value;
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

/** Body of a request: a stream that is read once, or bytes. */
export interface Outgoing {
  read: () => AsyncIterable<Uint8Array>;
  again: boolean;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* each(items: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const item of items) yield bytesOf(item);
}

/** Create a body; its media type is added to the headers if they lack one. */
export function bodyOf(source: BodySource | undefined, headers: Headers): Outgoing | undefined {
  if (source === undefined) return undefined;
  const typed = (type: string) => {
    if (!headers.has("content-type")) headers.set("content-type", type);
  };
  if (typeof source === "string" || source instanceof URLSearchParams) {
    typed(typeof source === "string" ? "text/plain;charset=UTF-8" : "application/x-www-form-urlencoded;charset=UTF-8");
    const bytes = encode(source.toString());
    if (!headers.has("content-length")) headers.set("content-length", String(bytes.length));
    return { read: () => once(bytes), again: true };
  }
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    const bytes = bytesOf(source);
    if (!headers.has("content-length")) headers.set("content-length", String(bytes.length));
    return { read: () => once(bytes), again: true };
  }
  return { read: () => each(source), again: false };
}

abstract class Body {
  readonly #source: AsyncIterable<Uint8Array> | undefined;
  bodyUsed = false;

  constructor(source: AsyncIterable<Uint8Array> | undefined) {
    this.#source = source;
  }

  /** The chunks of the body, as they arrive. */
  get body(): AsyncIterable<Uint8Array> | null {
    if (this.#source === undefined) return null;
    if (this.bodyUsed) throw new TypeError("the body was read already");
    this.bodyUsed = true;
    return this.#source;
  }

  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.body ?? []) {
      parts.push(part);
      size += part.length;
    }
    const whole = new Uint8Array(size);
    let end = 0;
    for (const part of parts) {
      whole.set(part, end);
      end += part.length;
    }
    return whole;
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer as ArrayBuffer;
  }
  async text(): Promise<string> {
    return decode(await this.bytes())!.replace(/^\ufeff/, "");
  }
  async json(): Promise<any> {
    return JSON.parse(await this.text());
  }
}

export class Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly redirect: "follow" | "manual" | "error";
  readonly signal: unknown;

  constructor(input: string | { toString(): string }, init: { method?: string; headers?: any; body?: BodySource | null; redirect?: any; signal?: any } = {}) {
    const headers = new Headers(init.headers);
    super(bodyOf(init.body ?? undefined, headers)?.read());
    this.url = `${input}`;
    this.method = (init.method ?? "GET").toUpperCase();
    this.headers = headers;
    this.redirect = init.redirect ?? "follow";
    this.signal = init.signal;
  }
}

export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;

  constructor(
    body?: BodySource | null,
    init: { status?: number; statusText?: string; headers?: any; url?: string; redirected?: boolean } = {},
  ) {
    const headers = new Headers(init.headers);
    super(init.url === undefined ? bodyOf(body ?? undefined, headers)?.read() : (body as AsyncIterable<Uint8Array> | undefined));
    this.status = init.status ?? 200;
    this.statusText = init.statusText ?? "";
    this.headers = headers;
    this.url = init.url ?? "";
    this.redirected = init.redirected ?? false;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  static json(value: unknown, init: { status?: number; headers?: any } = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(JSON.stringify(value), { ...init, headers });
  }
}
