//! Error messages about missing entries of a server. Access rules answer requests for hidden entries with the same.

/// Before the URI of a skill.
pub const skill = "No skill is served at ";

/// After the URI of a directory.
pub const directory = " is not a directory resource";
