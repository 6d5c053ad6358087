/**
 * Normal form of URIs, used in lists and to compare URIs of requests.
 *
 * RFC 3986, section 6.2; RFC 6570 for templates. URL parsers of clients (WHATWG) do not change the normal form.
 */

import { encode } from "./runtime/text.ts";

/** Schemes with network hosts, and their default ports. */
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

/** URI or URI template in normal form. */
export class Normal {
  constructor(
    /** The scheme in lower case, without the colon. */
    readonly scheme: string,
    /** The authority with the leading `//`; may be empty. */
    readonly authority: string,
    /** Path, query and fragment. */
    readonly rest: string,
  ) {}

  get text(): string {
    return `${this.scheme}:${this.authority}${this.rest}`;
  }

  /** The text with its host in lower case: equal for equivalent URIs. */
  get key(): string {
    const host = this.authority.lastIndexOf("@") + 1;
    return `${this.scheme}:${this.authority.slice(0, host)}${lower(this.authority.slice(host))}${this.rest}`;
  }
}

/** Return the comparison key of a URI, equal for equivalent URIs; empty for a text that is not a URI. */
export function keyOf(uri: string): string {
  return SCHEME.test(uri) ? normalized(uri).key : "";
}

/** Return the normal form of a URI for clients. Throws a `TypeError` without a scheme. */
export function sendableUri(uri: string): string {
  return normalized(uri).text;
}

/** Return the normal form of a URI; disallowed characters are encoded. Throws a `TypeError` without a scheme. */
export function normalized(uri: string): Normal {
  const [scheme, found] = split(PLAIN, String(uri).toWellFormed());
  const authority = authorityOf(scheme, found[1] ?? "");
  let path = encoded("path", found[2]!);
  if (path.startsWith("/")) path = withoutDots(path);
  if (path === "" && PORTS.has(scheme) && authority !== "") path = "/";
  // Without the prefix `/.` the path would be parsed as an authority.
  if (authority === "" && path.startsWith("//")) path = `/.${path}`;
  return new Normal(scheme, authority, path + queryOf(scheme, found[3] ?? "") + fragmentOf(found[4] ?? ""));
}

/** Return the normal form of a URI template. Throws a `TypeError` without a scheme, or with a `.` or `..` segment. */
export function normalizedTemplate(template: string): Normal {
  const [scheme, found] = split(TEMPLATE, template.toWellFormed());
  const authority = authorityOf(scheme, found[1] ?? "");
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

/** Throw an error if a URI or template is not valid for clients, for example without a host. */
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

function split(pattern: RegExp, text: string): [string, RegExpExecArray] {
  const scheme = SCHEME.exec(text);
  if (scheme === null) throw new TypeError(`\`${text}\` must begin with a scheme, such as \`notes://\``);
  const found = pattern.exec(text.slice(scheme[0].length));
  if (found === null) throw new TypeError(`\`${text}\` has an unmatched brace`);
  return [scheme[1]!.toLowerCase(), found];
}

function hostAndPort(place: string): [string, string] {
  const colon = place.lastIndexOf(":");
  return colon < 0 || /[\]{}]/.test(place.slice(colon)) ? [place, ""] : [place.slice(0, colon), place.slice(colon + 1)];
}

function authorityOf(scheme: string, authority: string): string {
  if (authority === "") return "";
  const at = authority.lastIndexOf("@") + 1 || 2;
  const user = literals("authority", authority.slice(2, at));
  const place = authority.slice(at);
  const [given, port] = hostAndPort(place);
  let host = literals("authority", given);
  const usual = PORTS.get(scheme);
  if (usual !== undefined) host = lower(host);
  const kept = port !== usual && port !== "";
  return `//${user}${host}${kept ? `:${literals("authority", port)}` : ""}`;
}

function queryOf(scheme: string, query: string): string {
  const text = encoded("more", query);
  // As in the WHATWG URL standard.
  return PORTS.has(scheme) || scheme === "file" ? text.replaceAll("'", "%27") : text;
}

function fragmentOf(fragment: string): string {
  return fragment.slice(0, 1) + encoded("more", fragment.slice(1));
}

/** Normalize the text of a component: disallowed characters are encoded, encoded unreserved ones are decoded. */
function encoded(component: keyof typeof UNSAFE, text: string): string {
  return text.replace(UNSAFE[component], (found) => {
    if (found.length === 3 && found.startsWith("%")) {
      const sign = String.fromCharCode(Number.parseInt(found.slice(1), 16));
      return UNRESERVED.test(sign) ? sign : found.toUpperCase();
    }
    return [...encode(found)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}

/** Split a template into expressions with their braces, and the literal text between them. */
function expressions(text: string): string[] {
  return text.split(/(\{[^{}]*\})/);
}

function literals(component: keyof typeof UNSAFE, text: string): string {
  return expressions(text).map((part) => (part.startsWith("{") && part.endsWith("}") ? part : encoded(component, part))).join("");
}

function lower(text: string): string {
  return expressions(text).map((part) => (part.startsWith("{") ? part : part.toLowerCase())).join("");
}

/** Remove `.` and `..` segments of an absolute path; RFC 3986, section 5.2.4. */
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
