// The two tools that every language is measured with.

import { tool } from "wasmcp";

interface Item {
  name: string;
  price: number;
  tags: string[];
}

/** Add two numbers. */
export const add = tool(({ a, b }: { a: number; b: number }): number => a + b);

/** Return the items in the opposite order. */
export const reverse = tool(({ items }: { items: Item[] }): Item[] => items.slice().reverse());
