/** UTF-8, base64 and checksums. */

/** Encode a text as UTF-8; a lone surrogate becomes U+FFFD. */
export function encode(text: string): Uint8Array {
  let size = 0;
  for (let at = 0; at < text.length; at += 1) size += text.charCodeAt(at) < 0x80 ? 1 : 3;
  const bytes = new Uint8Array(size);
  let end = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      bytes[end++] = unit;
      continue;
    }
    let point = text.codePointAt(at)!;
    if (point > 0xffff) at += 1;
    else if (point >= 0xd800 && point < 0xe000) point = 0xfffd;
    if (point < 0x800) {
      bytes[end++] = 0xc0 | (point >> 6);
    } else {
      if (point > 0xffff) {
        bytes[end++] = 0xf0 | (point >> 18);
        bytes[end++] = 0x80 | ((point >> 12) & 63);
      } else {
        bytes[end++] = 0xe0 | (point >> 12);
      }
      bytes[end++] = 0x80 | ((point >> 6) & 63);
    }
    bytes[end++] = 0x80 | (point & 63);
  }
  return bytes.slice(0, end);
}

const LEAST = [0, 0x80, 0x800, 0x10000];

/** Decode UTF-8 bytes; null if they are invalid and `lossy` is false. WHATWG Encoding, "UTF-8 decoder". */
export function decode(bytes: Uint8Array, lossy = true): string | null {
  const parts: string[] = [];
  let units: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++]!;
    if (first < 0x80) {
      units.push(first);
    } else {
      const more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
      let point = more === 0 ? -1 : first & (0x3f >> more);
      for (let index = 0; index < more; index += 1) {
        const next = bytes[at];
        const shifted = next === undefined || (next & 0xc0) !== 0x80 ? -1 : (point << 6) | (next & 63);
        // An invalid first continuation byte is not consumed: it can begin a valid character.
        const far = index === 0 && shifted >= 0 && (shifted < LEAST[more]! >> (6 * (more - 1)) || impossible(shifted, more));
        if (shifted < 0 || far) {
          point = -1;
          break;
        }
        point = shifted;
        at += 1;
      }
      if (point < 0) {
        if (!lossy) return null;
        point = 0xfffd;
      }
      if (point > 0xffff) units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff));
      else units.push(point);
    }
    if (units.length > 4096) {
      parts.push(String.fromCharCode(...units));
      units = [];
    }
  }
  parts.push(String.fromCharCode(...units));
  return parts.join("");
}

function impossible(shifted: number, more: number): boolean {
  return more === 2 ? shifted >= 0xd800 >> 6 && shifted < 0xe000 >> 6 : more === 3 && shifted >= 0x110000 >> 12;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Encode bytes as base64 (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const three = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += DIGITS[three >> 18]! + DIGITS[(three >> 12) & 63]!;
    text += left > 1 ? DIGITS[(three >> 6) & 63]! : "=";
    text += left > 2 ? DIGITS[three & 63]! : "=";
  }
  return text;
}

/** Decode base64 (RFC 4648, section 4). Throws a `TypeError` with the reason if it is invalid. */
export function fromBase64(text: string): Uint8Array {
  const bare = text.replace(/={1,2}$/, "");
  const bytes = new Uint8Array(Math.floor((bare.length * 3) / 4));
  let held = 0;
  let end = 0;
  for (let at = 0; at < bare.length; at += 1) {
    held = (held << 6) | DIGITS.indexOf(bare[at]!);
    if (at % 4 === 0) continue;
    bytes[end++] = (held >> (6 - 2 * (at % 4))) & 255;
  }
  // Not canonical: re-encoding gives another text.
  if (toBase64(bytes) !== text) throw new TypeError(`expected base64 (RFC 4648, section 4), got ${faultOf(text)}`);
  return bytes;
}

function faultOf(text: string): string {
  if (/^data:/i.test(text)) return "a data URL: send only what follows `;base64,`";
  if (/\s/.test(text)) return "text with white space in it";
  if (/^[\w=-]*[_-][\w=-]*$/.test(text)) return "the URL-safe alphabet: send `+` for `-` and `/` for `_`";
  if (/[^A-Za-z0-9+/=]/.test(text)) return "other characters than A-Z, a-z, 0-9, `+`, `/` and `=`";
  if (text.length % 4 !== 0) return `${text.length} characters, which is not a multiple of 4: is the padding \`=\` missing?`;
  return "text that no bytes are encoded as: wrong padding, or bits after the last byte";
}
