//! Apps: pages that hosts show for tools. Specification: extension io.modelcontextprotocol/ui (SEP-1865), 2026-01-26.

use crate::content::labels;
use crate::protocol::{APP_MIME_TYPE, PAGE};
use crate::{resource, Context, Failure, Resource};
use serde_json::{json, Map, Value};

/// Permission of browsers that a page uses.
///
/// ```
/// use wasmcp_guest::{app, Permission};
///
/// let ui = app("ui/call.html").permissions([Permission::Camera, Permission::Microphone]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The camera.
    Camera,
    /// The microphone.
    Microphone,
    /// The geographical position.
    Geolocation,
    /// Writing to the clipboard.
    ClipboardWrite,
}

impl Permission {
    fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Geolocation => "geolocation",
            Self::ClipboardWrite => "clipboardWrite",
        }
    }
}

/// Permitted caller of a tool.
///
/// ```
/// use wasmcp_guest::{tool, Visibility};
///
/// let refresh = tool("refresh", "Return the weather again.", || "sunny").visibility([Visibility::App]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The model.
    Model,
    /// Apps of the same server.
    App,
}

impl Visibility {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::App => "app",
        }
    }
}

/// App, created by [`app`].
///
/// ```
/// use wasmcp_guest::{app, Permission};
///
/// let ui = app("ui/weather.html").uri("ui://weather/now").permissions([Permission::Geolocation]).prefers_border(true);
/// ```
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) uri: String,
    page: String,
    name: String,
    title: Option<String>,
    description: Option<String>,
    ui: Map<String, Value>,
    tags: Vec<String>,
    scopes: Vec<String>,
}

/// Create an app: a page of HTML that hosts show for the tools which name it. The path of the page is relative to the
/// project, and a literal. The build includes the page, with the scripts, styles and images that it refers to.
///
/// ```
/// use wasmcp_guest::{app, tool, Component};
///
/// let ui = app("ui/weather.html").connect_domains(["https://api.weather.gov"]);
/// let component = Component::new().tool(tool("now", "Return the weather.", || "sunny").ui(&ui)).app(ui);
/// ```
pub fn app(page: impl Into<String>) -> App {
    let page = page.into();
    App {
        uri: format!("ui://{page}"),
        name: page.rsplit('/').next().unwrap_or_default().to_owned(),
        page,
        title: None,
        description: None,
        ui: Map::new(),
        tags: Vec::new(),
        scopes: Vec::new(),
    }
}

impl App {
    labels!();

    /// Set the URI of its resource, by default `ui://` with the path of the page.
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Set the name in lists, by default the name of the file.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Set the description.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Set the origins of requests and web sockets; the component's grant `apps` must permit them.
    pub fn connect_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.domains("connectDomains", origins)
    }

    /// Set the origins of scripts, styles, images, fonts and media; the component's grant `apps` must permit them.
    pub fn resource_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.domains("resourceDomains", origins)
    }

    /// Set the origins of nested frames; the component's grant `apps` must permit them.
    pub fn frame_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.domains("frameDomains", origins)
    }

    /// Set the origins of base URIs of the document; the component's grant `apps` must permit them.
    pub fn base_uri_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.domains("baseUriDomains", origins)
    }

    /// Set the permissions of browsers that the page uses; the component's grant `apps` must permit them.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = Permission>) -> Self {
        let named = permissions
            .into_iter()
            .map(|one| (one.name().to_owned(), json!({})))
            .collect();
        self.ui.insert("permissions".to_owned(), Value::Object(named));
        self
    }

    /// Set the dedicated origin of the page, in the form that the host defines.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.ui.insert("domain".to_owned(), Value::String(domain.into()));
        self
    }

    /// Request a visible border and background, or none; by default the host decides.
    pub fn prefers_border(mut self, wanted: bool) -> Self {
        self.ui.insert("prefersBorder".to_owned(), Value::Bool(wanted));
        self
    }

    fn domains<T: Into<String>>(mut self, member: &str, origins: impl IntoIterator<Item = T>) -> Self {
        let list = origins.into_iter().map(|origin| Value::String(origin.into())).collect();
        let csp = self.ui.entry("csp").or_insert_with(|| json!({}));
        csp[member] = Value::Array(list);
        self
    }

    /// Return its resource.
    pub(crate) fn resource(self) -> Resource {
        // A server responds with the page itself, without a call of the component.
        let uri = self.uri.clone();
        let missing = move |_: &Context| -> Result<String, Failure> { Err(Failure::not_found(&uri)) };
        let mut made = resource(self.uri, self.name, missing)
            .mime_type(APP_MIME_TYPE)
            .tags(self.tags)
            .scopes(self.scopes);
        if let Some(title) = self.title {
            made = made.title(title);
        }
        if let Some(description) = self.description {
            made = made.description(description);
        }
        made.meta(json!({ "ui": self.ui, PAGE: self.page }))
    }
}
