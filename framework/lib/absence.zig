//! Error messages about what a server does not have. Access rules answer requests for what they hide with the same.

/// Before the URI of a skill.
pub const skill = "No skill is served at ";

/// After the URI of a directory.
pub const directory = " is not a directory resource";
