/** Component of the shared tables, in TypeScript. */

import { completion, prompt, resource, tool } from "wasmcp";

interface Stop {
  town: string;
  /** @integer */
  days: number;
}

interface Check {
  /**
   * @integer
   * @minimum 0
   * @maximum 255
   */
  count: number;
  price: number;
  size: "small" | "Large";
  stops: Stop[];
  open?: boolean;
}

tool("check", "Check.", (args: Check) => JSON.stringify(args));
tool("nothing", "Nothing.", () => "nothing");

interface Trip {
  city: string;
  size: "small" | "Large";
  deep?: boolean;
  /** @integer */
  days?: number;
  pages?: string;
}

const trip = prompt({ name: "trip" }, (args: Trip) => JSON.stringify(args));
prompt({ name: "plain" }, () => "plain");

completion(trip, "city", () => ({ choices: ["Bremen", "Berlin", "Łódź"] }));
completion(trip, "days", (value, args) => (value === "many" ? Array(150).fill("x") : [value, ...Object.values(args)]));
completion("trip", "pages", (value) => {
  const values = ["1", "2"];
  return value === "more" ? { values, hasMore: true } : { values, total: 7 };
});

interface Listed {
  kind: "day" | "night";
  open: boolean;
  name: string;
}

resource("trips://{kind}/{open}/{name}", "Listed.", (args: Listed) => args);
