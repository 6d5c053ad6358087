// Files that modules import with `{ type: "text" }` or `{ type: "bytes" }`, for editors: they know types by the ending
// only. The build knows them by the attribute, with any ending.

declare module "*.css" {
  const text: string;
  export default text;
}
declare module "*.csv" {
  const text: string;
  export default text;
}
declare module "*.graphql" {
  const text: string;
  export default text;
}
declare module "*.html" {
  const text: string;
  export default text;
}
declare module "*.md" {
  const text: string;
  export default text;
}
declare module "*.sql" {
  const text: string;
  export default text;
}
declare module "*.svg" {
  const text: string;
  export default text;
}
declare module "*.toml" {
  const text: string;
  export default text;
}
declare module "*.txt" {
  const text: string;
  export default text;
}
declare module "*.xml" {
  const text: string;
  export default text;
}
declare module "*.yaml" {
  const text: string;
  export default text;
}
declare module "*.gif" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module "*.jpg" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module "*.pdf" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module "*.png" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
declare module "*.webp" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
