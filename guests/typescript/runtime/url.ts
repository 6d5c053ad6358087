/** `URL` and `URLSearchParams` of the WHATWG URL standard, without internationalized hosts. */

import { decode, encode } from "./text.ts";

const PORTS: Record<string, string> = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21" };
const SPLIT = /^([A-Za-z][A-Za-z0-9+.-]*:)?(\/\/[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?$/s;

function escape(text: string, keep: RegExp): string {
  let found = "";
  for (const byte of encode(text)) {
    const character = String.fromCharCode(byte);
    found += byte < 0x80 && keep.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return found;
}

function unescape(text: string): string {
  const bytes: number[] = [];
  const given = encode(text);
  for (let at = 0; at < given.length; at += 1) {
    const pair = given[at] === 0x25 ? String.fromCharCode(given[at + 1] ?? 0, given[at + 2] ?? 0) : "";
    if (/^[0-9A-Fa-f]{2}$/.test(pair)) {
      bytes.push(Number.parseInt(pair, 16));
      at += 2;
    } else bytes.push(given[at]!);
  }
  return decode(Uint8Array.from(bytes))!;
}

const PATH = /[!$&'()*+,\-./0-9:;=@A-Z[\\\]^_a-z|~%]/;
const QUERY = /[!$&()*+,\-./0-9:;=?@A-Z[\\\]^_`a-z{|}~%]/;
const FORM = /[*\-.0-9A-Z_a-z]/;

export class URLSearchParams {
  #pairs: [string, string][] = [];
  #changed: (() => void) | undefined;

  constructor(from: string | Iterable<readonly [string, string]> | Record<string, string> = "", changed?: () => void) {
    if (typeof from === "string") this.#pairs = parsePairs(from);
    else if (Symbol.iterator in Object(from)) {
      for (const [name, value] of from as Iterable<readonly [string, string]>) this.#pairs.push([`${name}`, `${value}`]);
    } else for (const [name, value] of Object.entries(from)) this.#pairs.push([name, `${value}`]);
    this.#changed = changed;
  }

  get size(): number {
    return this.#pairs.length;
  }
  append(name: string, value: string): void {
    this.#pairs.push([`${name}`, `${value}`]);
    this.#changed?.();
  }
  delete(name: string, value?: string): void {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== name || (value !== undefined && pair[1] !== value));
    this.#changed?.();
  }
  get(name: string): string | null {
    return this.#pairs.find((pair) => pair[0] === name)?.[1] ?? null;
  }
  getAll(name: string): string[] {
    return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }
  has(name: string, value?: string): boolean {
    return this.#pairs.some((pair) => pair[0] === name && (value === undefined || pair[1] === value));
  }
  set(name: string, value: string): void {
    const at = this.#pairs.findIndex((pair) => pair[0] === name);
    const others = this.#pairs.filter((pair, index) => pair[0] !== name || index === at);
    this.#pairs = others.map((pair) => (pair[0] === name ? [pair[0], `${value}`] : pair));
    if (at < 0) this.#pairs.push([`${name}`, `${value}`]);
    this.#changed?.();
  }
  sort(): void {
    this.#pairs.sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
    this.#changed?.();
  }
  forEach(callback: (value: string, name: string, all: URLSearchParams) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }
  *entries(): IterableIterator<[string, string]> {
    yield* this.#pairs;
  }
  *keys(): IterableIterator<string> {
    for (const [name] of this.#pairs) yield name;
  }
  *values(): IterableIterator<string> {
    for (const [, value] of this.#pairs) yield value;
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
  toString(): string {
    const write = (text: string) => escape(text, FORM).replaceAll("%20", "+");
    return this.#pairs.map(([name, value]) => `${write(name)}=${write(value)}`).join("&");
  }
}

function parsePairs(text: string): [string, string][] {
  const read = (part: string) => unescape(part.replaceAll("+", " "));
  const pairs = text.replace(/^\?/, "").split("&").filter((pair) => pair !== "");
  return pairs.map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [read(pair), ""] : [read(pair.slice(0, at)), read(pair.slice(at + 1))];
  });
}

function withoutDots(path: string): string {
  const found: string[] = [];
  const segments = path.split("/");
  segments.forEach((segment, index) => {
    const plain = segment.toLowerCase().replaceAll("%2e", ".");
    if (plain === "..") {
      if (found.length > 1) found.pop();
    } else if (plain !== ".") {
      found.push(segment);
      return;
    }
    if (index === segments.length - 1) found.push("");
  });
  return found.join("/");
}

export class URL {
  protocol = "";
  username = "";
  password = "";
  hostname = "";
  port = "";
  pathname = "";
  search = "";
  hash = "";
  readonly searchParams: URLSearchParams;
  #authority = false;

  constructor(text: string | URL, base?: string | URL) {
    const problem = () => new TypeError(`not a URL: ${text}`);
    const [, scheme, authority, path = "", query, hash] = SPLIT.exec(`${text}`.trim())!;
    const from = base === undefined ? undefined : new URL(`${base}`);
    if (scheme === undefined && from === undefined) throw problem();
    this.protocol = (scheme ?? from!.protocol).toLowerCase();
    const special = this.protocol in PORTS;
    this.hash = hash === undefined || hash === "#" ? "" : escape(hash, QUERY).replace(/^%23/, "#");
    this.search = query === undefined || query === "?" ? "" : escape(query, QUERY);
    if (authority !== undefined) {
      const [, user = "", host = "", port = ""] = /^(?:(.*)@)?(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority.slice(2)) ?? [];
      if ((special && host === "") || /[\s<>^|%\\]/.test(host) || Number(port || 0) > 65535) throw problem();
      if (`${user ? `${user}@` : ""}${host}`.length > authority.length - 2) throw problem();
      [this.username, this.password] = [user.split(":")[0] ?? "", user.split(":").slice(1).join(":")];
      this.hostname = special ? host.toLowerCase() : host;
      this.port = port === "" || PORTS[this.protocol] === String(Number(port)) ? "" : String(Number(port));
      this.#authority = true;
      this.pathname = path;
    } else if (scheme === undefined) {
      this.#authority = from!.#authority;
      this.username = from!.username;
      this.password = from!.password;
      this.hostname = from!.hostname;
      this.port = from!.port;
      this.pathname = path.startsWith("/") ? path : path === "" ? from!.pathname : from!.pathname.replace(/[^/]*$/, "") + path;
      if (path === "" && query === undefined) this.search = from!.search;
    } else {
      if (special) throw problem();
      this.pathname = path;
    }
    this.pathname = escape(this.pathname, PATH);
    if (this.#authority) {
      this.pathname = withoutDots(this.pathname.startsWith("/") || (this.pathname === "" && !special) ? this.pathname : `/${this.pathname}`);
    }
    this.searchParams = new URLSearchParams(this.search, () => {
      const written = this.searchParams.toString();
      this.search = written === "" ? "" : `?${written}`;
    });
  }

  static canParse(text: string | URL, base?: string | URL): boolean {
    return URL.parse(text, base) !== null;
  }
  static parse(text: string | URL, base?: string | URL): URL | null {
    try {
      return new URL(text, base);
    } catch {
      return null;
    }
  }

  get host(): string {
    return this.hostname + (this.port === "" ? "" : `:${this.port}`);
  }
  get origin(): string {
    return this.protocol in PORTS ? `${this.protocol}//${this.host}` : "null";
  }
  get href(): string {
    const user = this.username === "" && this.password === "" ? "" : `${this.username}${this.password ? `:${this.password}` : ""}@`;
    return `${this.protocol}${this.#authority ? `//${user}${this.host}` : ""}${this.pathname}${this.search}${this.hash}`;
  }
  toString(): string {
    return this.href;
  }
  toJSON(): string {
    return this.href;
  }
}
