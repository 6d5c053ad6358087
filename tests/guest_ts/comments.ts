// Every place where an author may write a comment, for test_ts_comments.py.

import { prompt, tool } from "wasmcp";

/** Lines. */
export const lines = tool((_args: {
  /** The x. */
  x: number;
  /**
   * The y.
   * @minimum 1
   * @maximum 5
   */
  y: number;
}): string => "");

/** One line. */
export const oneLine = tool((_args: { /** The x. @minimum 1 @integer */ x: number; /** The y. @default 2 */ y?: number }): string => "");

interface Args { /** The x. */ x: number; /** The y. @pattern ^a */ y: string }
/** An interface. */
export const interfaced = tool((_args: Args): string => "");

/** Behind. */
export const behind = tool((_args: {
  x: number; /** The x. @maximum 3 */
  y: number; /** The y. */
}): string => "");

/** Params.
 * @param args.x The x.
 * @param args.inner.z - The z.
 * @param context Not for clients.
 * @returns What comes out.
 */
export const params = tool((args: { x: number; inner: { z: number } }, context): { sum: number } => ({ sum: args.x }));

/** Params of a destructured object.
 * @param x The x.
 * @param {number} options.y The y.
 * @param gone Of no argument.
 * @returns A text.
 * @remarks Slow.
 * @see https://example.com
 * @readonly
 */
export const destructured = tool(({ x, y }: { x: number; /** Own. */ y: number }): string => `${x}${y}`);

/**
 * A day.
 * @format date
 */
type Day = string;

/** A point in the plane. */
interface Point {
  /** From the left. */
  x: number;
}

/** Named types. */
export const named = tool((_args: { day: Day; /** Its days. */ days: Day[]; point: Point; /** Where it ends. */ end: Point }): string => "");

/** Of a function.
 * @param args.x The x.
 */
function functioned(args: { x: number }): string {
  return String(args.x);
}
tool(functioned);

/** Not read. */
export const unread = tool((_args: {
  // The x.
  x: number;
  // eslint-disable-next-line
  y: number;
}): string => "");

prompt("greet", "Greet.", ({ name }: { /** For whom. */ name: string }) => `Hello ${name}`);
