/** `fetch` over wasi:http: a global of components with the grant `http`. */

import { handle } from "wasi:http/outgoing-handler@0.2.8";
import {
  Fields,
  OutgoingBody,
  OutgoingRequest,
  RequestOptions,
  type ErrorCode,
  type FutureIncomingResponse,
  type IncomingResponse,
} from "wasi:http/types@0.2.8";
import type { InputStream } from "wasi:io/streams@0.2.8";

import { notGranted } from "../errors.ts";
import { unlessAborted, type AbortSignal } from "./abort.ts";
import { bodyOf, Headers, Response, type BodySource } from "./http.ts";
import { hold, ready, release } from "./loop.ts";
import { count } from "./numbers.ts";
import { decode, encode } from "./text.ts";
import { URL } from "./url.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 20;
const CHUNK = 65536;
const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];

/** Options of `fetch`. */
interface Init {
  method?: string;
  headers?: ConstructorParameters<typeof Headers>[0];
  body?: BodySource | null;
  redirect?: "follow" | "manual" | "error";
  signal?: AbortSignal | null;
}

/** Return the scheme, the host and the port of a URL. */
function originOf(url: string): string {
  return /^[^/]*:\/\/[^/?#]*/.exec(url)?.[0] ?? url;
}

function failed(url: string, code: ErrorCode): TypeError {
  const detail = "val" in code && typeof code.val === "string" ? `: ${code.val}` : "";
  const reason = code.tag === "HTTP-request-denied" ? notGranted("http", originOf(url)) : `${code.tag.replaceAll("-", " ")}${detail}`;
  return Object.assign(new TypeError(`fetching ${url} failed: ${reason}`), { code: code.tag });
}

/** Return the HTTP error code that an import threw, if any. */
function asFailure(url: string, error: unknown): unknown {
  const payload = (error as { payload?: unknown } | null)?.payload as { tag?: string } | undefined;
  return typeof payload?.tag === "string" ? failed(url, payload as ErrorCode) : error;
}

function methodOf(name: string): any {
  const lower = name.toLowerCase();
  return METHODS.includes(lower) ? { tag: lower } : { tag: "other", val: name };
}

async function write(body: OutgoingBody, source: AsyncIterable<Uint8Array>): Promise<void> {
  const stream = hold(body.write());
  for await (const chunk of source) {
    for (let start = 0; start < chunk.length; ) {
      const permitted = Number(stream.checkWrite());
      if (permitted === 0) {
        await ready(stream.subscribe());
        continue;
      }
      const part = chunk.slice(start, start + Math.min(permitted, CHUNK));
      stream.write(part);
      start += part.length;
    }
  }
  stream.flush();
  await ready(stream.subscribe());
  release(stream);
}

async function arrived(future: FutureIncomingResponse, url: string): Promise<IncomingResponse> {
  for (;;) {
    const found = future.get() ?? undefined;
    if (found === undefined) {
      await ready(future.subscribe());
      continue;
    }
    if (found.tag === "err") throw new TypeError(`fetching ${url} failed`);
    if (found.val.tag === "err") throw failed(url, found.val.val);
    return hold(found.val.val);
  }
}

async function* chunks(response: IncomingResponse, url: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const body = hold(response.consume());
  const stream = hold(body.stream());
  try {
    for (;;) {
      const chunk = read(stream, url);
      if (chunk === undefined) return;
      if (chunk.length > 0) yield chunk;
      else await unlessAborted(signal, ready(stream.subscribe()));
    }
  } finally {
    release(stream);
    release(body);
    release(response);
  }
}

/** Read the next chunk; undefined at the end. */
function read(stream: InputStream, url: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(stream.read(count(CHUNK)));
  } catch (error) {
    const payload = (error as any)?.payload;
    if (payload?.tag === "closed") return undefined;
    throw new TypeError(`reading the response of ${url} failed: ${payload?.val?.toDebugString?.() ?? error}`);
  }
}

async function exchange(url: URL, method: string, headers: Headers, body: AsyncIterable<Uint8Array> | undefined, signal: AbortSignal | undefined) {
  const fields = Fields.fromList([...headers].map(([name, value]) => [name, encode(value)]));
  const request = new OutgoingRequest(fields);
  request.setMethod(methodOf(method));
  request.setScheme(url.protocol === "https:" ? { tag: "HTTPS" } : { tag: "HTTP" });
  request.setAuthority(url.host);
  request.setPathWithQuery(`${url.pathname}${url.search}`);
  const outgoing = body === undefined ? undefined : hold(request.body());
  const future = hold(handle(request, new RequestOptions()));
  const sent = outgoing === undefined ? Promise.resolve() : write(outgoing, body!);
  const finish = sent.then(() => {
    if (outgoing === undefined) return;
    release(outgoing, false);
    OutgoingBody.finish(outgoing, undefined);
  });
  // A server can respond before it has read the whole body; errors of the transmission are reported with its response.
  finish.catch(() => {});
  const response = await unlessAborted(signal, arrived(future, url.href));
  release(future);
  return response;
}

/** The global `fetch`. WHATWG Fetch, without caches, cookies and CORS, which only browsers need. */
export async function fetch(input: string | URL | { url: string }, init: Init = {}): Promise<Response> {
  const from = typeof input === "object" && "url" in input ? (input as Init & { url: string }) : undefined;
  let url = new URL(from?.url ?? (input as string));
  let method = (init.method ?? from?.method ?? "GET").toUpperCase();
  const headers = new Headers(init.headers ?? from?.headers);
  if (!headers.has("user-agent")) headers.set("user-agent", "wasmcp"); // some servers reject requests without it
  const signal = init.signal ?? from?.signal ?? undefined;
  const redirect = init.redirect ?? from?.redirect ?? "follow";
  let source = bodyOf(init.body ?? from?.body ?? undefined, headers);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new TypeError(`fetch needs a URL with http or https, not ${url.href}`);
  if (source !== undefined && (method === "GET" || method === "HEAD")) throw new TypeError(`a ${method} request has no body`);
  for (let count = 0; ; count += 1) {
    signal?.throwIfAborted();
    let response: IncomingResponse;
    try {
      response = await exchange(url, method, headers, source?.read(), signal);
    } catch (error) {
      throw asFailure(url.href, error);
    }
    const status = response.status();
    const fields = hold(response.headers());
    const found = new Headers(fields.entries().map(([name, value]) => [name, decode(value)!] as const));
    release(fields);
    const location = found.get("location");
    if (!REDIRECTS.has(status) || location === null || redirect === "manual") {
      const empty = method === "HEAD" || status === 204 || status === 304;
      if (empty) release(response);
      const body = empty ? undefined : chunks(response, url.href, signal);
      return new Response(body, { status, headers: found, url: url.href, redirected: count > 0 });
    }
    release(response);
    if (redirect === "error") throw new TypeError(`${url.href} redirects to ${location}`);
    if (count >= MOST_REDIRECTS) throw new TypeError(`${url.href}: more than ${MOST_REDIRECTS} redirects`);
    const next = new URL(location, url);
    if (next.origin !== url.origin) for (const name of ["authorization", "cookie"]) headers.delete(name);
    if (status === 303 || ((status === 301 || status === 302) && method === "POST")) {
      if (method !== "HEAD") method = "GET";
      source = undefined;
      for (const name of ["content-type", "content-length"]) headers.delete(name);
    } else if (source !== undefined && !source.again) {
      throw new TypeError(`${url.href} redirects, and the streamed body cannot be sent again`);
    }
    url = next;
  }
}

Object.defineProperty(globalThis, "fetch", { value: fetch, writable: true, configurable: true });
