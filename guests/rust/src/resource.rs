//! Resources and resource templates.

use crate::arguments;
use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::completion::{Argument, Proposing};
use crate::content::{labels, wit_icons, wit_meta, Annotations, Cache, Icon};
use crate::template::{variables, Variable};
use crate::uris::Normal;
use crate::{Context, Failure};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Contents of a resource: text or bytes.
///
/// ```
/// use wasmcp_guest::{resource, Contents, Context};
///
/// let logo = resource("files://logo.png", "logo", |_: &Context| Contents::Blob(vec![1, 2, 3])).mime_type("image/png");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A text.
    Text(String),
    /// Raw bytes.
    Blob(Vec<u8>),
}

/// Value that is serialized as JSON.
///
/// ```
/// use wasmcp_guest::{resource, Context, Json};
///
/// let index = resource("notes://index", "index", |_: &Context| Json(["a", "b"])).mime_type("application/json");
/// ```
pub struct Json<T>(pub T);

impl From<&str> for Contents {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Contents {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Contents {
    fn from(data: Vec<u8>) -> Self {
        Self::Blob(data)
    }
}

impl<T: Serialize> From<Json<T>> for Contents {
    fn from(value: Json<T>) -> Self {
        Self::Text(serde_json::to_string(&value.0).unwrap_or_default())
    }
}

/// Return types of resources: contents, or a `Result` of them.
///
/// ```
/// use wasmcp_guest::{resource, Context, Failure};
///
/// let text = resource("notes://text", "text", |_: &Context| "a text");
/// let fallible = resource("notes://maybe", "maybe", |_: &Context| -> Result<String, Failure> { Ok("a text".into()) });
/// ```
pub trait Reading {
    /// Return the contents.
    fn reading(self) -> Result<Contents, Failure>;
}

impl<T: Into<Contents>> Reading for T {
    fn reading(self) -> Result<Contents, Failure> {
        Ok(self.into())
    }
}

impl<T: Into<Contents>> Reading for Result<T, Failure> {
    fn reading(self) -> Result<Contents, Failure> {
        self.map(Into::into)
    }
}

/// Metadata common to resources and templates.
#[derive(Default)]
struct About {
    title: Option<String>,
    description: Option<String>,
    mime_type: Option<String>,
    icons: Vec<Icon>,
    tags: Vec<String>,
    scopes: Vec<String>,
    annotations: Option<Annotations>,
    cache: Option<Cache>,
    meta: Option<Value>,
}

macro_rules! about {
    () => {
        labels!(about.);

        /// Set the description.
        pub fn description(mut self, description: impl Into<String>) -> Self {
            self.about.description = Some(description.into());
            self
        }

        /// Set the media type.
        pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
            self.about.mime_type = Some(mime_type.into());
            self
        }

        /// Add an icon.
        pub fn icon(mut self, icon: Icon) -> Self {
            self.about.icons.push(icon);
            self
        }

        /// Set the cache hint of the contents.
        pub fn cache(mut self, cache: Cache) -> Self {
            self.about.cache = Some(cache);
            self
        }

        pub(crate) fn cache_hint(&self) -> Option<types::CacheHint> {
            self.about.cache.map(Cache::to_wit)
        }

        /// Set the annotations.
        pub fn annotations(mut self, annotations: Annotations) -> Self {
            self.about.annotations = Some(annotations);
            self
        }
    };
}

type Read = Box<dyn Fn(&Context) -> Result<Contents, Failure> + Send + Sync>;

/// Resource with a fixed URI, created by [`resource`].
///
/// ```
/// use wasmcp_guest::{resource, Context};
///
/// let index = resource("notes://index", "index", |_: &Context| "a, b").title("All notes").size(4);
/// ```
pub struct Resource {
    /// In normal form.
    pub(crate) uri: String,
    /// Comparison key: equal for equivalent URIs.
    pub(crate) identity: String,
    name: String,
    size: Option<u64>,
    about: About,
    read: Read,
}

/// Create a resource from a function. Its URI is listed in normal form (RFC 3986, section 6.2); equivalent URIs read
/// it.
///
/// # Panics
///
/// Panics if the URI is not valid for clients; the build reports it.
///
/// ```
/// use wasmcp_guest::{resource, Context};
///
/// let index = resource("notes://index", "index", |_: &Context| "a, b");
/// ```
pub fn resource<F, R>(uri: impl Into<String>, name: impl Into<String>, function: F) -> Resource
where
    F: Fn(&Context) -> R + Send + Sync + 'static,
    R: Reading,
{
    let normal = Normal::declared(&uri.into(), false);
    Resource {
        identity: normal.identity(),
        uri: normal.text,
        name: name.into(),
        size: None,
        about: About::default(),
        read: Box::new(move |context| function(context).reading()),
    }
}

impl Resource {
    about!();

    /// Set `_meta`, a JSON object.
    pub(crate) fn meta(mut self, meta: Value) -> Self {
        self.about.meta = Some(meta);
        self
    }

    /// Set the size in bytes, if known in advance.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    pub(crate) fn read(&self, uri: &str, context: &Context) -> Result<types::ResourceContents, Failure> {
        Ok(contents(uri, &self.about, (self.read)(context)?))
    }

    pub(crate) fn to_wit(&self) -> types::McpResource {
        types::McpResource {
            uri: self.uri.clone(),
            name: self.name.clone(),
            title: self.about.title.clone(),
            description: self.about.description.clone(),
            mime_type: self.about.mime_type.clone(),
            size: self.size,
            icons: wit_icons(&self.about.icons),
            annotations: self.about.annotations.as_ref().map(Annotations::to_wit),
            meta: wit_meta(self.about.meta.as_ref(), &self.about.tags, &self.about.scopes),
            extra: None,
        }
    }
}

type ReadTemplate = Box<dyn Fn(&str, Map<String, Value>, &Context) -> Result<Contents, Failure> + Send + Sync>;

/// Resource template, created by [`template`].
///
/// ```
/// use wasmcp_guest::{template, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Note {
///     name: String,
/// }
///
/// let note = template("notes://note/{name}", "note", |args: Note, _: &Context| format!("the note {}", args.name))
///     .complete("name", |typed, _, _| vec![format!("{typed}...")]);
/// ```
pub struct Template {
    /// In normal form.
    pub(crate) uri_template: String,
    /// Comparison key: equal for equivalent templates.
    pub(crate) identity: String,
    name: String,
    about: About,
    variables: Vec<Variable>,
    unchecked: Vec<String>,
    read: ReadTemplate,
    pub(crate) completed: Vec<Argument>,
}

/// Function of a template: its parameters are the variables and [`Context`]. Variables are a type with `Deserialize`
/// and `JsonSchema` whose fields are strings, numbers, booleans or enums, lists of these for `{x*}`, and optional for
/// variables that a URI can omit. For an invalid value, the resource does not exist.
///
/// ```
/// use wasmcp_guest::{template, Context, Failure};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Note {
///     name: String,
/// }
///
/// let note = template("notes://note/{name}", "note", |args: Note, _: &Context| match args.name.as_str() {
///     "a" => Ok("the note a"),
///     other => Err(Failure::not_found(&format!("notes://note/{other}"))),
/// });
/// ```
pub trait TemplateReading<V>: Send + Sync + 'static {
    /// Call the function.
    fn read(&self, variables: V, context: &Context) -> Result<Contents, Failure>;
}

impl<V, F, R> TemplateReading<V> for F
where
    F: Fn(V, &Context) -> R + Send + Sync + 'static,
    R: Reading,
{
    fn read(&self, variables: V, context: &Context) -> Result<Contents, Failure> {
        self(variables, context).reading()
    }
}

/// Create a template (RFC 6570) from a function.
///
/// A URI does not match if a variable has a value with a `..` segment, an absolute path or NUL, encoded or not, so that
/// a value that is joined to a folder stays below it (path traversal); or a value with an encoded slash (`%2F`) where
/// the value ends at `/`. [`Template::unchecked`] allows any value.
///
/// # Panics
///
/// Panics if the URIs are not valid for clients; the build reports it. The build also rejects templates that URIs
/// cannot be matched with.
///
/// ```
/// use wasmcp_guest::{template, Context};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct File {
///     path: String,
/// }
///
/// let file = template("files://{+path}", "file", |args: File, _: &Context| args.path);
/// ```
pub fn template<V, F>(uri_template: impl Into<String>, name: impl Into<String>, function: F) -> Template
where
    V: DeserializeOwned + JsonSchema,
    F: TemplateReading<V>,
{
    let normal = Normal::declared(&uri_template.into(), true);
    let schema = arguments::of_arguments::<V>();
    let variables = variables(&normal.text);
    let completed = variables
        .iter()
        .map(|known| Argument::new(known.name.clone(), schema["properties"].get(&known.name)));
    Template {
        completed: completed.collect(),
        variables,
        identity: normal.identity(),
        uri_template: normal.text,
        unchecked: Vec::new(),
        name: name.into(),
        about: About::default(),
        read: Box::new(move |uri, found, context| {
            let found = Value::Object(arguments::typed(&schema, found));
            let found = serde_json::from_value(found).map_err(|_| Failure::not_found(uri))?;
            function.read(found, context)
        }),
    }
}

impl Template {
    about!();

    /// Set the completion of a variable: a function of the partial value, of the variables that have values already,
    /// and of the context.
    ///
    /// # Panics
    ///
    /// Panics if the template has no such variable; the build reports it.
    pub fn complete<F, R>(mut self, variable: impl Into<String>, function: F) -> Self
    where
        F: Fn(&str, &BTreeMap<String, String>, &Context) -> R + Send + Sync + 'static,
        R: Proposing,
    {
        let variable = self.known(variable.into());
        if let Some(one) = self.completed.iter_mut().find(|one| one.name == variable) {
            one.propose(function);
        }
        self
    }

    fn known(&self, variable: String) -> String {
        let known = self.variables.iter().any(|known| known.name == variable);
        assert!(known, "`{}` has no variable `{variable}`", self.uri_template);
        variable
    }

    /// Allow any value of a variable, also paths that leave a folder and encoded slashes.
    ///
    /// # Panics
    ///
    /// Panics if the template has no such variable; the build reports it.
    pub fn unchecked(mut self, variable: impl Into<String>) -> Self {
        let variable = self.known(variable.into());
        self.unchecked.push(variable);
        self
    }

    /// Return the template in the form that the framework matches URIs with.
    pub(crate) fn pattern(&self) -> types::UriTemplate {
        types::UriTemplate {
            text: self.uri_template.clone(),
            unchecked: self.unchecked.clone(),
        }
    }

    /// Read the resource with this URI, in which the framework found these values.
    pub(crate) fn read(
        &self,
        uri: &str,
        found: Vec<(String, Vec<String>)>,
        context: &Context,
    ) -> Result<types::ResourceContents, Failure> {
        let mut object = Map::new();
        for (name, mut values) in found {
            let many = self.variables.iter().any(|known| known.many && known.name == name);
            let value = if many { values.into() } else { values.remove(0).into() };
            object.insert(name, value);
        }
        Ok(contents(uri, &self.about, (self.read)(uri, object, context)?))
    }

    pub(crate) fn to_wit(&self) -> types::ResourceTemplate {
        types::ResourceTemplate {
            uri_template: self.uri_template.clone(),
            name: self.name.clone(),
            title: self.about.title.clone(),
            description: self.about.description.clone(),
            mime_type: self.about.mime_type.clone(),
            icons: wit_icons(&self.about.icons),
            annotations: self.about.annotations.as_ref().map(Annotations::to_wit),
            meta: wit_meta(None, &self.about.tags, &self.about.scopes),
            extra: None,
        }
    }
}

fn contents(uri: &str, about: &About, found: Contents) -> types::ResourceContents {
    let (data, usual) = match found {
        Contents::Text(text) => (types::ResourceData::Text(text), "text/plain"),
        Contents::Blob(bytes) => (types::ResourceData::Blob(bytes), "application/octet-stream"),
    };
    let mime_type = Some(about.mime_type.clone().unwrap_or_else(|| usual.to_owned()));
    types::ResourceContents {
        uri: uri.to_owned(),
        mime_type,
        data,
        meta: None,
    }
}
