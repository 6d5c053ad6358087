//! Skills that a function generates: the resource `SKILL.md`, with the front matter of the declaration.
//!
//! Source: extension `io.modelcontextprotocol/skills`; Agent Skills specification.

use crate::content::{labels, Cache, Icon};
use crate::protocol::FRONT_MATTER;
use crate::resource::{resource, Contents, Reading, Resource};
use crate::{Context, Failure};
use serde_json::{json, Value};
use std::collections::BTreeMap;

type Generate = Box<dyn Fn(&Context) -> Result<Contents, Failure> + Send + Sync>;

/// Skill, created by [`skill`].
///
/// ```
/// use wasmcp_guest::{skill, Context};
///
/// let daily = skill("daily-report", "Assemble the operational report of today", |_: &Context| "# Report")
///     .prefix("reports")
///     .license("Apache-2.0");
/// ```
pub struct Skill {
    name: String,
    description: String,
    prefix: String,
    fields: Vec<(&'static str, Value)>,
    metadata: BTreeMap<String, String>,
    title: Option<String>,
    icons: Vec<Icon>,
    tags: Vec<String>,
    scopes: Vec<String>,
    cache: Option<Cache>,
    generate: Generate,
}

/// Create a skill from a function that generates the text of its `SKILL.md` at each read, after the front matter.
/// Resources and templates below the path of the skill are its other files.
///
/// The name has lower-case letters, digits and single hyphens. The description is the text by which a model selects the
/// skill.
/// The build checks both.
///
/// ```
/// use wasmcp_guest::{component, skill, Component, Context};
///
/// component!(|| Component::new().skill(skill(
///     "daily-report",
///     "Assemble the operational report of today",
///     |_: &Context| "# Report"
/// )));
/// ```
pub fn skill<F, R>(name: impl Into<String>, description: impl Into<String>, function: F) -> Skill
where
    F: Fn(&Context) -> R + Send + Sync + 'static,
    R: Reading,
{
    Skill {
        name: name.into(),
        description: description.into(),
        prefix: String::new(),
        fields: Vec::new(),
        metadata: BTreeMap::new(),
        title: None,
        icons: Vec::new(),
        tags: Vec::new(),
        scopes: Vec::new(),
        cache: None,
        generate: Box::new(move |context| function(context).reading()),
    }
}

impl Skill {
    labels!();

    /// Set the beginning of the skill's path in the server, for example `acme/reports`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Set the field `license` of the front matter.
    pub fn license(self, license: impl Into<String>) -> Self {
        self.field("license", license.into())
    }

    /// Set the field `compatibility` of the front matter: the requirements of the skill.
    pub fn compatibility(self, compatibility: impl Into<String>) -> Self {
        self.field("compatibility", compatibility.into())
    }

    /// Set the field `allowed-tools` of the front matter; clients ignore it unless their user consents.
    pub fn allowed_tools(self, tools: impl Into<String>) -> Self {
        self.field("allowed-tools", tools.into())
    }

    /// Set a value of the field `metadata` of the front matter.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Add an icon.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icons.push(icon);
        self
    }

    /// Set the cache hint of the contents.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    fn field(mut self, key: &'static str, value: String) -> Self {
        self.fields.retain(|(known, _)| *known != key);
        self.fields.push((key, value.into()));
        self
    }

    /// Return the resource of `SKILL.md`.
    pub(crate) fn into_resource(self) -> Resource {
        let mut fields = vec![("name", json!(self.name)), ("description", json!(self.description))];
        fields.extend(self.fields);
        if !self.metadata.is_empty() {
            fields.push(("metadata", json!(self.metadata)));
        }
        let lines: String = fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        let front_matter = format!("---\n{lines}---\n\n");
        let folder = if self.prefix.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.prefix, self.name)
        };
        let meta: Value = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let generate = self.generate;
        let mut made = resource(format!("skill://{folder}/SKILL.md"), self.name, move |context: &Context| {
            match generate(context)? {
                Contents::Text(text) => Ok(format!("{front_matter}{text}")),
                Contents::Blob(_) => Err(Failure::new("a skill returns a text, which follows its front matter")),
            }
        })
        .description(self.description)
        .mime_type("text/markdown")
        .tags(self.tags)
        .scopes(self.scopes)
        .meta(json!({ FRONT_MATTER: meta }));
        if let Some(title) = self.title {
            made = made.title(title);
        }
        if let Some(cache) = self.cache {
            made = made.cache(cache);
        }
        self.icons.into_iter().fold(made, Resource::icon)
    }
}
