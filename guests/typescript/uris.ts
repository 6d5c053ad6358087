/**
 * The normal form of URIs: what lists show, and what the URI of a request is compared with.
 *
 * RFC 3986, section 6.2; RFC 6570 for templates. URL parsers of clients (WHATWG) leave the normal form as it is.
 */

import { decode, encode } from "./runtime/text.ts";

/** The schemes whose hosts are names of the network, with their default ports. */
const PORTS = new Map([["http", "80"], ["https", "443"], ["ws", "80"], ["wss", "443"], ["ftp", "21"]]);

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const PLAIN = /^(\/\/[^/?#]*)?([^?#]*)(\?[^#]*)?(#.*)?$/s;
const TEMPLATE =
  /^(\/\/(?:\{(?:[^{}+/?#&][^{}]*)?\}|[^/?#{}])*)?((?:\{(?:[^{}?#&][^{}]*)?\}|[^?#{}])*)((?:\?|\{[?&])(?:\{(?:[^{}#][^{}]*)?\}|[^#{])*)?((?:#|\{#).*)?$/s;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=-]+)$/;
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
const UNSAFE = {
  authority: /%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/[\]-]/gu,
  path: /%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/-]/gu,
  more: /%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/?-]/gu,
};

/** A URI, or a template of URIs, in normal form. */
export class Normal {
  constructor(
    /** In lower case, without the colon. */
    readonly scheme: string,
    /** With the two slashes before it; empty when there is none. */
    readonly authority: string,
    /** Path, query and fragment. */
    readonly rest: string,
  ) {}

  get text(): string {
    return `${this.scheme}:${this.authority}${this.rest}`;
  }

  /** The text with its host in lower case: equal for URIs that are equivalent. */
  get key(): string {
    const host = this.authority.lastIndexOf("@") + 1;
    return `${this.scheme}:${this.authority.slice(0, host)}${lower(this.authority.slice(host))}${this.rest}`;
  }
}

/** The key of a URI, which is equal for equivalent ones; empty for a text that is not a URI. */
export function keyOf(uri: string): string {
  return SCHEME.test(uri) ? normalized(uri).key : "";
}

/** The normal form of a URI that is sent to clients. Throws a `TypeError` when it has no scheme. */
export function sendableUri(uri: string): string {
  return normalized(uri).text;
}

/**
 * The normal form of a URI; what a URI cannot hold is encoded. Throws a `TypeError` when it has no scheme.
 *
 * @param dots Whether `.` and `..` segments and an empty port are removed; templates read their values from a URI that
 *   still has them.
 */
export function normalized(uri: string, dots = true): Normal {
  const [scheme, found] = split(PLAIN, String(uri).toWellFormed());
  const authority = authorityOf(scheme, found[1] ?? "", !dots);
  let path = encoded("path", found[2]!);
  if (dots && path.startsWith("/")) path = withoutDots(path);
  if (path === "" && PORTS.has(scheme) && authority !== "") path = "/";
  // Without it the path would be read as an authority.
  if (authority === "" && path.startsWith("//")) path = `/.${path}`;
  return new Normal(scheme, authority, path + queryOf(scheme, found[3] ?? "") + fragmentOf(found[4] ?? ""));
}

/** The normal form of a URI template's text. Throws a `TypeError` when it has no scheme, or a `.` or `..` segment. */
export function normalizedTemplate(template: string): Normal {
  const [scheme, found] = split(TEMPLATE, template.toWellFormed());
  const authority = authorityOf(scheme, found[1] ?? "", false);
  let path = literals("path", found[2]!);
  if (path.split("/").some((segment) => segment === "." || segment === "..")) {
    throw new TypeError(`\`${template}\` has a \`.\` or \`..\` segment, which clients remove`);
  }
  if (path === "" && PORTS.has(scheme) && authority !== "") path = "/";
  const each = (text: string, change: (part: string) => string) =>
    expressions(text).map((part) => (part.startsWith("{") ? part : change(part))).join("");
  const query = each(found[3] ?? "", (part) => queryOf(scheme, part));
  return new Normal(scheme, authority, path + query + each(found[4] ?? "", fragmentOf));
}

/** Make sure that clients can read a URI or template: that it has a host and a port where they expect one. */
export function checkUri(uri: string): void {
  const [scheme, found] = split(uri.includes("{") ? TEMPLATE : PLAIN, uri);
  const authority = found[1];
  const refuse = (reason: string) => {
    throw new TypeError(`\`${uri}\` ${reason}`);
  };
  if (authority === undefined) {
    if (PORTS.has(scheme)) refuse(`has no host: write \`${scheme}://host/...\``);
    return;
  }
  if (authority.includes("{")) return;
  const at = authority.lastIndexOf("@");
  const place = authority.slice(at < 0 ? 2 : at + 1);
  const [host, port] = hostAndPort(place);
  if (port !== "" && !(/^\d+$/.test(port) && Number(port) < 2 ** 16)) {
    refuse(`has the port \`${port}\`: after the colon clients expect a number up to 65535`);
  }
  if (host === "" && (PORTS.has(scheme) || at >= 0 || place.includes(":"))) refuse("has no host");
  if (host.includes("[") && !HOST.test(host)) refuse(`has the host \`${host}\`, which is not an IP address`);
  if (PORTS.has(scheme) && !HOST.test(host)) {
    refuse(`has the host \`${host}\`: of \`${scheme}\` clients expect ASCII letters, digits, \`.\` and \`-\`, or the \`xn--\` form`);
  }
}

/** A text with its percent-encoding undone, once; undefined where the result is not UTF-8. */
export function unquote(text: string): string | undefined {
  let valid = true;
  const plain = text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const found = decode(Uint8Array.from(run.slice(1).split("%").map((pair) => Number.parseInt(pair, 16))), false);
    if (found === null) valid = false;
    return found ?? "";
  });
  return valid ? plain : undefined;
}

function split(pattern: RegExp, text: string): [string, RegExpExecArray] {
  const scheme = SCHEME.exec(text);
  if (scheme === null) throw new TypeError(`\`${text}\` must begin with a scheme, such as \`notes://\``);
  const found = pattern.exec(text.slice(scheme[0].length));
  if (found === null) throw new TypeError(`\`${text}\` has a brace without a partner`);
  return [scheme[1]!.toLowerCase(), found];
}

function hostAndPort(place: string): [string, string] {
  const colon = place.lastIndexOf(":");
  return colon < 0 || /[\]{}]/.test(place.slice(colon)) ? [place, ""] : [place.slice(0, colon), place.slice(colon + 1)];
}

function authorityOf(scheme: string, authority: string, keepColon: boolean): string {
  if (authority === "") return "";
  const at = authority.lastIndexOf("@") + 1 || 2;
  const user = literals("authority", authority.slice(2, at));
  const place = authority.slice(at);
  const [given, port] = hostAndPort(place);
  let host = literals("authority", given);
  const usual = PORTS.get(scheme);
  if (usual !== undefined) host = lower(host);
  const empty = keepColon && usual === undefined && place.endsWith(":");
  const kept = port !== usual && (port !== "" || empty);
  return `//${user}${host}${kept ? `:${literals("authority", port)}` : ""}`;
}

function queryOf(scheme: string, query: string): string {
  const text = encoded("more", query);
  // As WHATWG has it.
  return PORTS.has(scheme) || scheme === "file" ? text.replaceAll("'", "%27") : text;
}

function fragmentOf(fragment: string): string {
  return fragment.slice(0, 1) + encoded("more", fragment.slice(1));
}

/** Text of a component: what it cannot hold is encoded, encoded unreserved characters are decoded. */
function encoded(component: keyof typeof UNSAFE, text: string): string {
  return text.replace(UNSAFE[component], (found) => {
    if (found.length === 3 && found.startsWith("%")) {
      const sign = String.fromCharCode(Number.parseInt(found.slice(1), 16));
      return UNRESERVED.test(sign) ? sign : found.toUpperCase();
    }
    return [...encode(found)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}

/** The pieces of a template's text: expressions with their braces, and what is between them. */
function expressions(text: string): string[] {
  return text.split(/(\{[^{}]*\})/);
}

function literals(component: keyof typeof UNSAFE, text: string): string {
  return expressions(text).map((part) => (part.startsWith("{") && part.endsWith("}") ? part : encoded(component, part))).join("");
}

function lower(text: string): string {
  return expressions(text).map((part) => (part.startsWith("{") ? part : part.toLowerCase())).join("");
}

/** An absolute path without `.` and `..` segments; RFC 3986, section 5.2.4. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  if (/^\.\.?$/.test(segments.at(-1)!)) kept.push("");
  return `/${kept.join("/")}`;
}
