/** Module of a file that is imported with `{ type: "text" }`. */

declare const text: string;
export default text;
