//! Paths in messages.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as JSON: a text, or its bytes where it is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathText(pub(crate) PathBuf);

impl PathText {
    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }

    /// What tells this path from any other.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_os_str().as_encoded_bytes()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Bytes(Vec<u8>),
}

impl Serialize for PathText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match self.0.to_str() {
            Some(text) => Form::Text(text.to_owned()),
            None => Form::Bytes(self.bytes().to_owned()),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PathText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Text(text) => Ok(Self(text.into())),
            Form::Bytes(bytes) => from_bytes(bytes).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> Result<PathBuf, &'static str> {
    use std::os::unix::ffi::OsStringExt as _;

    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn from_bytes(_: Vec<u8>) -> Result<PathBuf, &'static str> {
    Err("a file's name is no text, and only Unix can take it")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_the_same_whatever_its_bytes() {
        for (bytes, json) in [(b"a/\"x\".png".to_vec(), r#""a/\"x\".png""#), (b"a\xff".to_vec(), "[97,255]")]
        {
            let path = PathText(from_bytes(bytes).unwrap());
            let text = serde_json::to_string(&path).unwrap();
            assert_eq!(text, json);
            assert_eq!(serde_json::from_str::<PathText>(&text).unwrap(), path);
        }
    }
}
