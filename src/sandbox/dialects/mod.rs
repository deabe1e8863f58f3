//! The schemas that come along: the same account, spelled as different servers might spell it.

/// The shape that is served unless another is asked for.
pub const DEFAULT_SDL: &str = include_str!("default.graphql");

/// Every schema that comes along.
const SHIPPED: [(&str, &str); NAMES.len()] = [
    ("default", DEFAULT_SDL),
    ("prefixed", include_str!("prefixed.graphql")),
    ("input", include_str!("input.graphql")),
    ("relay", include_str!("relay.graphql")),
    ("offset", include_str!("offset.graphql")),
    ("zero", include_str!("zero.graphql")),
];

/// Their names.
pub const NAMES: [&str; 6] = ["default", "prefixed", "input", "relay", "offset", "zero"];

/// The schema that comes along under that name.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, sdl)| *sdl)
}

#[cfg(test)]
mod tests;
