/**
 * Apps: pages that hosts show for tools. Specification: extension io.modelcontextprotocol/ui (SEP-1865), 2026-01-26.
 */

import type { Meta } from "./content.ts";
import { DeclarationError, ResourceNotFoundError } from "./errors.ts";
import { APP_MIME_TYPE, APP_PERMISSIONS, APP_VISIBILITIES, PAGE } from "./protocol.ts";
import { RESOURCES } from "./registry.ts";
import { Resource } from "./resource.ts";

/** Origins of other servers that a page uses: `https://api.example.com`, `https://*.example.com`. */
export interface Csp {
  /** Origins of requests and web sockets. */
  connectDomains?: string[];
  /** Origins of scripts, styles, images, fonts and media. */
  resourceDomains?: string[];
  /** Origins of nested frames. */
  frameDomains?: string[];
  /** Origins of base URIs of the document. */
  baseUriDomains?: string[];
}

/** Options of an app. Specification: "UI Resource Format". */
export interface AppOptions {
  /** The URI of its resource; by default `ui://` with the path of the page in the project. */
  uri?: string;
  /** The name in lists; by default the name of the file. */
  name?: string;
  /** The display name. */
  title?: string;
  description?: string;
  /**
   * The origins of other servers that the page uses; none by default. The component's grant `apps` must permit them.
   */
  csp?: Csp;
  /** The permissions of browsers that the page uses. The component's grant `apps` must permit them. */
  permissions?: (typeof APP_PERMISSIONS)[number][];
  /** The dedicated origin of the page, in the form that the host defines. */
  domain?: string;
  /** True for a visible border and background, false for none; by default the host decides. */
  prefersBorder?: boolean;
  /** Tags by which filters of a server select it. */
  tags?: string[];
  /** Scopes that the principal of a request over HTTP needs for it. */
  scopes?: string[];
}

/** Declared app. */
export class App {
  /** @internal */
  constructor(
    /** The URI of its resource. */
    readonly uri: string,
    /** The path of its page in the project. */
    readonly page: string,
  ) {}
}

/**
 * Declare an app: a page of HTML that hosts show for the tools which name it.
 *
 *     const ui = app("ui/weather.html", { csp: { connectDomains: ["https://api.weather.gov"] } });
 *     tool({ name: "forecast", ui }, ({ city }: { city: string }) => `sunny in ${city}`);
 *
 * The path of the page is relative to the project, and a literal. The build includes the page, with the scripts, styles
 * and images that it refers to.
 */
export function app(page: string, options: AppOptions = {}): App {
  if (typeof page !== "string" || page === "") throw new DeclarationError("an app needs the path of its page: `app(\"ui/page.html\")`");
  const { uri = `ui://${page}`, name = page.slice(page.lastIndexOf("/") + 1), title, description, tags, scopes } = options;
  const { csp, permissions = [], domain, prefersBorder } = options;
  const wrong = permissions.filter((one) => !APP_PERMISSIONS.includes(one));
  if (wrong.length > 0) throw new DeclarationError(`app \`${page}\`: unknown permission \`${wrong[0]}\`; known: ${APP_PERMISSIONS.join(", ")}`);
  const ui = {
    ...(csp === undefined ? {} : { csp }),
    ...(permissions.length === 0 ? {} : { permissions: Object.fromEntries(permissions.map((one) => [one, {}])) }),
    ...(domain === undefined ? {} : { domain }),
    ...(prefersBorder === undefined ? {} : { prefersBorder }),
  };
  const given = { uri, name, title, description, mimeType: APP_MIME_TYPE, meta: { ui, [PAGE]: page }, tags, scopes };
  // A server responds with the page itself, without a call of the component.
  const made = new Resource(given, () => { throw new ResourceNotFoundError(); }, {});
  RESOURCES.declare(made.template.normal.key, made);
  return new App(made.uri, page);
}

/** Return the `_meta` of a tool with its app and its visibility. */
export function withApp(tool: string, meta: Meta | undefined, ui: App | undefined, visibility: (typeof APP_VISIBILITIES)[number][] | undefined): Meta | undefined {
  if (ui === undefined && visibility === undefined) return meta;
  if (meta !== undefined && "ui" in meta) throw new DeclarationError(`tool \`${tool}\` has \`ui\` or \`visibility\`, and \`meta\` has \`ui\`: use one of them`);
  if (ui !== undefined && !(ui instanceof App)) throw new DeclarationError(`tool \`${tool}\`: \`ui\` must be an app: \`app("ui/page.html")\``);
  if (visibility !== undefined && (!Array.isArray(visibility) || visibility.length === 0 || visibility.some((one) => !APP_VISIBILITIES.includes(one)))) {
    throw new DeclarationError(`tool \`${tool}\`: \`visibility\` must be a list of "model" and "app"`);
  }
  return { ...meta, ui: { ...(ui === undefined ? {} : { resourceUri: ui.uri }), ...(visibility === undefined ? {} : { visibility }) } };
}
