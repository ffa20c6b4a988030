//! How far the light of training images is varied.

use serde::{Deserialize, Serialize};

/// How far a property of the light varies from one training image to the next: a number, or `"auto"` in files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Variation {
    /// By up to this share either way.
    UpTo(f32),
    /// By a usual share, where the images themselves were taken under one light; else not at all.
    Auto,
}

impl Variation {
    /// None.
    pub const OFF: Self = Self::UpTo(0.0);

    /// The largest share either way; 0 as long as nothing is decided.
    pub fn share(self) -> f32 {
        match self {
            Self::UpTo(share) => share,
            Self::Auto => 0.0,
        }
    }

    /// Replaces [`Variation::Auto`] by this share.
    pub(crate) fn decided(self, usual: f32) -> Self {
        if self == Self::Auto { Self::UpTo(usual) } else { self }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
    pub(crate) fn is_off(&self) -> bool {
        *self == Self::OFF
    }
}

/// As files have it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or \"auto\"")]
enum Written {
    Share(f32),
    Word(Word),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Auto,
}

impl From<Written> for Variation {
    fn from(written: Written) -> Self {
        match written {
            Written::Share(share) => Self::UpTo(share),
            Written::Word(Word::Auto) => Self::Auto,
        }
    }
}

impl From<Variation> for Written {
    fn from(variation: Variation) -> Self {
        match variation {
            Variation::UpTo(share) => Self::Share(share),
            Variation::Auto => Self::Word(Word::Auto),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_a_number_or_a_word() {
        for (variation, text) in [(Variation::UpTo(0.25), "0.25"), (Variation::Auto, "\"auto\"")] {
            assert_eq!(serde_json::to_string(&variation).unwrap(), text);
            assert_eq!(serde_json::from_str::<Variation>(text).unwrap(), variation);
        }
        assert_eq!(serde_json::from_str::<Variation>("0").unwrap(), Variation::OFF);
        for text in ["\"none\"", "true", "null", "[0.1]"] {
            let refused = serde_json::from_str::<Variation>(text).unwrap_err();
            assert!(refused.to_string().contains("a number, or \"auto\""), "{refused}");
        }
    }
}
