//! Content blocks, messages, icons.

use crate::bindings::wasmcp::mcp_v20260728::types;
use crate::uris::sendable;
use serde_json::Value;
use std::time::Duration;

/// Role: author of a message, or audience of an annotation.
///
/// ```
/// use wasmcp_guest::{Message, Role};
///
/// assert_eq!(Message::user("a text").role, Role::User);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
}

impl Role {
    fn to_wit(self) -> types::Role {
        match self {
            Self::User => types::Role::User,
            Self::Assistant => types::Role::Assistant,
        }
    }
}

/// Annotations of a content block or a resource.
///
/// ```
/// use wasmcp_guest::{Annotations, Content, Role};
///
/// let annotations = Annotations { audience: vec![Role::User], priority: Some(1.0), ..Annotations::default() };
/// let content = Content::text("for the user").annotations(&annotations);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Annotations {
    /// The audience; empty: not specified.
    pub audience: Vec<Role>,
    /// The importance: 0 (entirely optional) to 1 (required).
    pub priority: Option<f64>,
    /// The date and time of the last modification, with an offset: `2026-01-02T03:04:05Z`. ISO 8601.
    pub last_modified: Option<String>,
}

impl Annotations {
    pub(crate) fn to_wit(&self) -> types::Annotations {
        types::Annotations {
            audience: self.audience.iter().map(|role| role.to_wit()).collect(),
            priority: self.priority,
            last_modified: self.last_modified.clone(),
        }
    }
}

/// Cache hint: for how long, and by whom, contents or lists can be cached. Specification: server/utilities/caching.
///
/// ```
/// use std::time::Duration;
/// use wasmcp_guest::{resource, Cache, Component, Context};
///
/// let index = resource("notes://index", "index", |_: &Context| "a, b").cache(Cache::public(Duration::from_secs(60)));
/// let component = Component::new().cache_lists(Cache::private(Duration::from_secs(5))).resource(index);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    lifetime: Duration,
    scope: types::CacheScope,
}

impl Cache {
    /// Only this client caches, for this user.
    pub fn private(lifetime: Duration) -> Self {
        Self {
            lifetime,
            scope: types::CacheScope::Private,
        }
    }

    /// Shared caches can cache, too.
    pub fn public(lifetime: Duration) -> Self {
        Self {
            lifetime,
            scope: types::CacheScope::Public,
        }
    }

    pub(crate) fn to_wit(self) -> types::CacheHint {
        types::CacheHint {
            ttl_ms: u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX),
            scope: self.scope,
        }
    }
}

/// Icon of a tool, resource or prompt.
///
/// ```
/// use wasmcp_guest::{tool, Icon};
///
/// let icon = Icon { src: "https://example.org/icon.png".into(), mime_type: None, sizes: vec!["48x48".into()] };
/// let tool = tool("now", "Return the time.", || "12:00").icon(icon);
/// ```
#[derive(Clone, Debug)]
pub struct Icon {
    /// An `https:` or `data:` URI.
    pub src: String,
    /// The media type.
    pub mime_type: Option<String>,
    /// Sizes in pixels such as `48x48`, or `any`.
    pub sizes: Vec<String>,
}

pub(crate) fn wit_icons(icons: &[Icon]) -> Vec<types::Icon> {
    icons
        .iter()
        .map(|icon| types::Icon {
            src: icon.src.clone(),
            mime_type: icon.mime_type.clone(),
            sizes: icon.sizes.clone(),
            theme: None,
        })
        .collect()
}

/// Content block of a result or a message.
///
/// ```
/// use wasmcp_guest::{Content, ToolResult};
///
/// let picture = Content::image(vec![1, 2, 3], "image/png");
/// let result = ToolResult::new().content("a picture").content(picture);
/// ```
#[derive(Clone, Debug)]
pub struct Content(types::Content);

impl Content {
    /// Create a text block.
    pub fn text(text: impl Into<String>) -> Self {
        Self(types::Content::Text(types::TextContent {
            text: text.into(),
            annotations: None,
            meta: None,
        }))
    }

    /// Create an image block from raw bytes and their media type.
    pub fn image(data: Vec<u8>, mime_type: impl Into<String>) -> Self {
        Self(types::Content::Image(media(data, mime_type.into())))
    }

    /// Create an audio block from raw bytes and their media type.
    pub fn audio(data: Vec<u8>, mime_type: impl Into<String>) -> Self {
        Self(types::Content::Audio(media(data, mime_type.into())))
    }

    /// Create a link to a resource that the client can read.
    pub fn link(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self(types::Content::ResourceLink(types::ResourceLink {
            uri: sendable(&uri.into()),
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            size: None,
            icons: Vec::new(),
            annotations: None,
            meta: None,
        }))
    }

    /// Create a block with the text of a resource.
    pub fn embedded(uri: impl Into<String>, mime_type: Option<String>, text: impl Into<String>) -> Self {
        Self(types::Content::EmbeddedResource(types::EmbeddedResource {
            contents: types::ResourceContents {
                uri: sendable(&uri.into()),
                mime_type,
                data: types::ResourceData::Text(text.into()),
                meta: None,
            },
            annotations: None,
            meta: None,
        }))
    }

    /// Create a block of any other type from a JSON object with the member `type`.
    pub fn other(block: Value) -> Self {
        Self(types::Content::Other(block.to_string()))
    }

    /// Set the annotations; no effect on a block of [`Content::other`].
    pub fn annotations(mut self, annotations: &Annotations) -> Self {
        let set = Some(annotations.to_wit());
        match &mut self.0 {
            types::Content::Text(block) => block.annotations = set,
            types::Content::Image(block) | types::Content::Audio(block) => block.annotations = set,
            types::Content::ResourceLink(block) => block.annotations = set,
            types::Content::EmbeddedResource(block) => block.annotations = set,
            types::Content::Other(_) => {}
        }
        self
    }

    pub(crate) fn into_wit(self) -> types::Content {
        self.0
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

fn media(data: Vec<u8>, mime_type: String) -> types::MediaContent {
    types::MediaContent {
        data,
        mime_type,
        annotations: None,
        meta: None,
    }
}

/// Message of a prompt.
///
/// ```
/// use wasmcp_guest::Message;
///
/// let messages = vec![Message::user("What is 6 by 7?"), Message::assistant("42")];
/// ```
#[derive(Clone, Debug)]
pub struct Message {
    /// The author.
    pub role: Role,
    /// The content.
    pub content: Content,
}

impl Message {
    /// Create a message of the user.
    pub fn user(content: impl Into<Content>) -> Self {
        Self {
            role: Role::User,
            content: content.into(),
        }
    }

    /// Create a message of the model.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self {
            role: Role::Assistant,
            content: content.into(),
        }
    }

    pub(crate) fn into_wit(self) -> types::PromptMessage {
        types::PromptMessage {
            role: self.role.to_wit(),
            content: self.content.into_wit(),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

/// Setters of the fields `title`, `tags` and `scopes`, which all declarations have; `labels!(about.)`: of fields inside
/// of another one.
macro_rules! labels {
    ($($part:ident.)?) => {
        /// Set the display name.
        pub fn title(mut self, title: impl Into<String>) -> Self {
            self.$($part.)?title = Some(title.into());
            self
        }

        /// Set the tags, by which filters of a server select it; sent as `_meta["wasmcp/tags"]`.
        pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
            self.$($part.)?tags = tags.into_iter().map(Into::into).collect();
            self
        }

        /// Set the scopes that the principal of a request over HTTP needs; sent as `_meta["wasmcp/scopes"]`.
        pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
            self.$($part.)?scopes = scopes.into_iter().map(Into::into).collect();
            self
        }
    };
}
pub(crate) use labels;

/// Return `_meta` with tags and scopes.
pub(crate) fn wit_meta(meta: Option<&serde_json::Value>, tags: &[String], scopes: &[String]) -> Option<String> {
    if tags.is_empty() && scopes.is_empty() {
        return meta.map(serde_json::Value::to_string);
    }
    let mut whole = meta.and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    for (key, values) in [("wasmcp/tags", tags), ("wasmcp/scopes", scopes)] {
        if !values.is_empty() {
            whole.insert(key.to_owned(), values.into());
        }
    }
    Some(serde_json::Value::Object(whole).to_string())
}
