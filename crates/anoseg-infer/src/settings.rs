//! A setting out of its range.

use std::fmt::{Debug, Display};

/// A setting has a value that it must not have, or that does not fit the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} = {value}: {allowed}")]
pub struct SettingError {
    /// Dotted path of the setting, such as `architecture.widths`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What it may be.
    pub allowed: String,
}

impl SettingError {
    /// Of a setting with this value.
    pub fn new(name: impl Into<String>, value: impl Debug, allowed: impl Display) -> Self {
        Self { name: name.into(), value: format!("{value:?}"), allowed: allowed.to_string() }
    }
}

/// A [`SettingError`] unless `holds`.
///
/// # Errors
/// `holds` is false.
pub fn require(
    holds: bool,
    name: &str,
    value: impl Debug,
    allowed: impl Display,
) -> Result<(), SettingError> {
    if holds { Ok(()) } else { Err(SettingError::new(name, value, allowed)) }
}
