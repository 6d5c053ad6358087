/**
 * String formats of JSON Schema that are validated.
 *
 * Each check is at least as strict as the RFC and as the validators of clients (`ajv-formats`): valid values here are
 * valid there. Source: JSON Schema 2020-12, Validation, section 7.3.
 */

import { checkUri } from "./uris.ts";

const ZONE = "(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
const TIME = new RegExp(`^(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?${ZONE}$`);
const DAYS = "(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)";
const TIME_OF_DAY = "T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)";
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const CHARACTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
const URI = new RegExp(
  `^[A-Za-z][A-Za-z0-9+.-]*:(?://(?:\\[[0-9A-Fa-f:.]+\\]|${CHARACTER}*@\\[[0-9A-Fa-f:.]+\\]|${CHARACTER}*)(?::\\d*)?` +
    `(?:/${CHARACTER}*)*|/?${CHARACTER}+(?:/${CHARACTER}*)*|/?)(?:\\?(?:${CHARACTER}|[/?])*)?(?:#(?:${CHARACTER}|[/?])*)?$`,
);

function of(pattern: string, longest = Infinity): (text: string) => boolean {
  const expression = new RegExp(`^(?:${pattern})$`);
  return (text) => text.length <= longest && expression.test(text);
}

function isDate(text: string): boolean {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days;
}

function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  let count = 0;
  for (const [at, half] of groups.entries()) {
    for (const [index, group] of half.entries()) {
      const last = at === groups.length - 1 && index === half.length - 1;
      if (last && FORMATS["ipv4"]!(group)) count += 2;
      else if (/^[0-9A-Fa-f]{1,4}$/.test(group)) count += 1;
      else return false;
    }
  }
  return halves.length === 2 ? count < 8 : count === 8;
}

function isUri(text: string): boolean {
  if (!URI.test(text)) return false;
  try {
    checkUri(text);
  } catch {
    return false;
  }
  return true;
}

/** Name -> check. Leap seconds are rejected: `Date` does not support them. */
export const FORMATS: Record<string, (text: string) => boolean> = {
  date: isDate,
  time: (text) => TIME.test(text),
  "date-time": (text) => isDate(text.slice(0, 10)) && /^[Tt]$/.test(text.slice(10, 11)) && TIME.test(text.slice(11)),
  duration: of(`P(?:\\d+W|${DAYS}(?:${TIME_OF_DAY})?|${TIME_OF_DAY})`, 200),
  uuid: of("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
  ipv4: of(`${BYTE}(?:\\.${BYTE}){3}`),
  ipv6: isIpv6,
  email: of(`${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+${LABEL}`, 254),
  hostname: of(`${LABEL}(?:\\.${LABEL})*`, 253),
  uri: isUri,
};
