//! What operators state of parts.

use serde::{Deserialize, Serialize};

use crate::record::now;
use crate::{Error, Result};

/// What a part is, whatever the model decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// The part is good: of a verdict to reject or review, "good after all".
    Good,
    /// The part has a defect: of a verdict of good, "missed defect".
    Defect,
}

impl Truth {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Good => 0,
            Self::Defect => 1,
        }
    }

    pub(crate) fn of(number: i64) -> Option<Self> {
        [Self::Good, Self::Defect].into_iter().find(|truth| truth.number() == number)
    }
}

/// An operator's statement on a verdict. The newest on a verdict counts.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// What the part is; None revokes the statements before.
    pub truth: Option<Truth>,
    /// Who states it: 1 to 200 characters.
    pub author: &'a str,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// At most 2000 characters.
    pub note: &'a str,
    /// The bytes of the image's file. They are kept, so that the image can be exported. None keeps those of
    /// an earlier statement.
    pub original: Option<&'a [u8]>,
}

impl<'a> Statement<'a> {
    /// Of now, without note and image.
    pub fn new(truth: Truth, author: &'a str) -> Self {
        Self { truth: Some(truth), author, time: now(), note: "", original: None }
    }

    /// Revokes what was stated of a verdict.
    pub fn revoke(author: &'a str) -> Self {
        Self { truth: None, author, time: now(), note: "", original: None }
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let (author, note) = (self.author.chars().count(), self.note.chars().count());
        if author == 0 || author > 200 {
            return Err(Error::value("author: give the operator's name in 1 to 200 characters"));
        }
        if note > 2000 {
            return Err(Error::value(format!("note: {note} characters are too many, 2000 are allowed")));
        }
        if self.original.is_some_and(<[u8]>::is_empty) {
            return Err(Error::value("original: the image's file has no bytes"));
        }
        Ok(())
    }
}

/// A statement as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenFeedback {
    /// What the part is; None revokes the statements before.
    pub truth: Option<Truth>,
    /// Who stated it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// A note.
    pub note: String,
}
