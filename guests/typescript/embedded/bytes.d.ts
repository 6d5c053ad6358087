/** Module of a file that is imported with `{ type: "bytes" }`. */

declare const bytes: Uint8Array<ArrayBuffer>;
export default bytes;
