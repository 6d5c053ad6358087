// Runs the guest library's validation, base64, UTF-8, URLs and templates in Node, next to Node's own implementations.

import { readFileSync } from "node:fs";

import { checker } from "../../guests/typescript/schema.ts";
import { quickly } from "../../guests/typescript/quick.ts";
import { FORMATS } from "../../guests/typescript/formats.ts";
import { fromText } from "../../guests/typescript/strings.ts";
import { numberIn } from "../../guests/typescript/runtime/numbers.ts";
import { UriTemplate } from "../../guests/typescript/templates.ts";
import { keyOf, normalized } from "../../guests/typescript/uris.ts";
import { decode, encode, fromBase64, toBase64 } from "../../guests/typescript/runtime/text.ts";
import { URL as Own, URLSearchParams as OwnParams } from "../../guests/typescript/runtime/url.ts";
import { drain, Eventual, forget } from "../../guests/typescript/runtime/promise.ts";

const given = JSON.parse(readFileSync(0, "utf8"));

function attempt<T>(make: () => T): T | string {
  try {
    return make();
  } catch (error) {
    return (error as Error).constructor.name;
  }
}

const PARTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash", "host", "origin", "href"] as const;
const partsOf = (url: any) => PARTS.map((part) => url[part]);

function promises(): unknown[] {
  const seen: unknown[] = [];
  const note = (label: string) => (value: unknown) => void seen.push([label, value instanceof Error ? value.message : value]);
  const P = Eventual as any;
  P.resolve(1).then((n: number) => n + 1).then(note("then"));
  P.reject(new Error("no")).catch(note("catch")).finally(() => seen.push("finally"));
  P.all([1, P.resolve(2), new P((resolve: any) => resolve({ then: (settle: any) => settle(3) }))]).then(note("all"));
  P.allSettled([1, P.reject(2)]).then(note("settled"));
  P.any([P.reject(1), P.resolve(2)]).then(note("any"));
  P.any([P.reject(1)]).catch(note("none"));
  P.race([new P(() => {}), P.resolve("fast")]).then(note("race"));
  P.try(() => { throw new Error("tried"); }).catch(note("try"));
  const own = P.withResolvers();
  own.resolve(own.promise);
  own.promise.catch(note("itself"));
  P.reject("lost");
  for (let count = 0; count < 3000; count += 1) P.resolve(count).then((n: number) => (n === 2999 ? seen.push("many") : 0));
  drain();
  return [seen, forget()];
}

console.log(
  JSON.stringify({
    checks: given.checks.map(([schema, values]: [any, unknown[]]) =>
      values.map((value) => ({ problems: checker(schema)(value), quick: quickly(schema)?.(value) ?? null })),
    ),
    texts: given.texts.map((text: string) => [
      toBase64(encode(text)) === Buffer.from(text).toString("base64"),
      decode(encode(text)) === Buffer.from(text).toString(),
      Buffer.from(fromBase64(Buffer.from(text).toString("base64"))).toString() === Buffer.from(text).toString(),
    ]),
    bytes: given.bytes.map((hex: string) => decode(Uint8Array.from(Buffer.from(hex, "hex"))) === new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(hex, "hex"))),
    urls: given.urls.map(([text, base]: [string, string | undefined]) => [
      attempt(() => partsOf(new Own(text, base))),
      attempt(() => partsOf(new URL(text, base))),
    ]),
    queries: given.queries.map((text: string) => new OwnParams(text).toString() === new URLSearchParams(text).toString()),
    fixed: given.fixed.map(([declared, uris]: [string, string[]]) => {
      const found = new UriTemplate(declared);
      const listed = found.normal.text;
      const sent = new URL(listed).href;
      return { listed, read: uris.map((uri) => keyOf(uri) === found.normal.key), sent, again: normalized(listed).text, keys: keyOf(listed) === keyOf(sent) };
    }),
    refused: given.refused.map((uri: string) => {
      try {
        return new UriTemplate(uri).normal.text;
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
    }),
    formats: Object.fromEntries(Object.entries(FORMATS).map(([name, fits]) => [name, (given.formats[name] ?? []).map((text: string) => fits(text))])),
    base64: given.base64.map((text: string) => {
      try {
        return [...fromBase64(text)];
      } catch (error) {
        return (error as Error).message;
      }
    }),
    numbers: given.numbers.map((text: string) => [numberIn(text) ?? null, fromText({ type: "integer" }, text, {})]),
    many: checker({ type: "object", properties: { a: true }, required: ["b"], additionalProperties: false })(
      Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`${"x".repeat(1000)}${at}`, 1])),
    ),
    items: checker({ type: "array", items: { type: "object", properties: { a: { type: "string" } }, required: ["a"] } })(new Array(10_000).fill({ a: 1 })),
    promises: promises(),
  }),
);
