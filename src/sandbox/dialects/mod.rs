//! The schemas that come with the sandbox. All show the same account, spelled as different servers might spell it.

/// The schema that is served by default.
pub const DEFAULT_SDL: &str = include_str!("default.graphql");

/// Every schema that comes with the sandbox, with its name.
const SHIPPED: [(&str, &str); NAMES.len()] = [
    ("default", DEFAULT_SDL),
    ("prefixed", include_str!("prefixed.graphql")),
    ("input", include_str!("input.graphql")),
    ("relay", include_str!("relay.graphql")),
    ("offset", include_str!("offset.graphql")),
    ("zero", include_str!("zero.graphql")),
];

/// The names of the schemas that come with the sandbox.
pub const NAMES: [&str; 6] = ["default", "prefixed", "input", "relay", "offset", "zero"];

/// Returns the SDL of the schema with this name, or `None` if there is none.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, sdl)| *sdl)
}

#[cfg(test)]
mod tests;
