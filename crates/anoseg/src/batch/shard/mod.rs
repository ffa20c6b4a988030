//! Parts of a batch that are inspected on machines of their own, without any exchange between them.
//!
//! Each machine lists all images and takes those whose names fall to its shard. The folders of all
//! shards are joined by [`merge`](super::merge()).

mod keys;
mod part;
mod record;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use keys::Keys;
pub use part::Part;
pub use record::Counts;
pub(super) use record::Record;

/// Most shards of a batch.
const MOST: u32 = 100_000;

/// One of several parts of a batch, written `I/N`: part number I, counted from 0, of N.
///
/// ```
/// use anoseg::batch::Shard;
///
/// let shards: Vec<Shard> = (0..3).map(|index| format!("{index}/3").parse().unwrap()).collect();
/// let takers = shards.iter().filter(|shard| shard.takes("lot 7/0001.png"));
/// assert_eq!(takers.count(), 1);
/// assert!("3/3".parse::<Shard>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// All shards of so many.
    pub(super) fn all(count: u32) -> impl Iterator<Item = Self> {
        (0..count).map(move |index| Self { index, count })
    }

    /// The number of shards.
    pub(super) fn count(self) -> u32 {
        self.count
    }

    /// Whether a name falls to this shard: the first 8 bytes of its BLAKE3, little-endian, modulo the
    /// number of shards. It stays so in all versions.
    pub fn takes(self, name: &str) -> bool {
        let digest = blake3::hash(name.as_bytes());
        let number = digest.as_bytes()[..8].iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        number % u64::from(self.count) == u64::from(self.index)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "give I/N: shard number I, counted from 0, of N, such as 0/3".to_owned();
        let (index, count) = text.split_once('/').ok_or_else(form)?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<u32>().unwrap_or(u32::MAX)).ok_or_else(form)
        };
        let (index, count) = (number(index)?, number(count)?);
        if !(1..=MOST).contains(&count) {
            return Err(format!("the number of shards, after the slash, is from 1 to {MOST}"));
        }
        if index >= count {
            let last = count - 1;
            return Err(format!("shards are counted from 0: of {count}, give a number from 0 to {last}"));
        }
        Ok(Self { index, count })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the shard that takes a name.
    fn taker(name: &str, count: u32) -> u32 {
        let takers: Vec<u32> =
            Shard::all(count).filter(|shard| shard.takes(name)).map(|shard| shard.index).collect();
        assert_eq!(takers.len(), 1, "{name} of {count}: {takers:?}");
        takers[0]
    }

    #[test]
    fn every_name_falls_to_exactly_one_shard_and_none_gets_nearly_all() {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for count in [1, 2, 3, 7, 8, 100] {
            let mut sizes = vec![0; count as usize];
            for _ in 0..500 {
                let length = next() % 30;
                let name: String =
                    (0..length).map(|_| char::from_u32(next() % 0x3000).unwrap_or('/')).collect();
                sizes[taker(&name, count) as usize] += 1;
            }
            assert_eq!(sizes.iter().sum::<u32>(), 500);
            let mut ordered = [0u32; 100];
            (0..1000).for_each(|number| ordered[taker(&format!("{number:04}.png"), count) as usize] += 1);
            let most = *ordered.iter().max().unwrap();
            assert!(most < 1000 / count + 120 && (count < 100 || most < 30), "{count}: {most}");
        }
    }

    /// Machines with different versions of the program, and runs that are gone on with, rely on these.
    #[test]
    fn the_assignment_never_changes() {
        let names = ["", "000.png", "a/000.png", "lot 7/Prüfling 1.png", "検査/%0A.png"];
        let takers: Vec<[u32; 3]> =
            names.iter().map(|name| [3, 8, 1000].map(|count| taker(name, count))).collect();
        assert_eq!(takers, [[1, 7, 863], [1, 2, 162], [2, 3, 787], [0, 6, 814], [2, 5, 21]]);
    }

    #[test]
    fn what_is_no_shard_is_refused_with_the_range() {
        let told = |text: &str| text.parse::<Shard>().unwrap_err();
        for text in ["", "3", "/3", "1/", "a/3", "-1/3", "1/3/5", " 1/3", "+1/3", "1.0/3"] {
            assert!(told(text).contains("such as 0/3"), "{text}: {}", told(text));
        }
        assert!(told("3/3").contains("from 0 to 2"));
        assert!(told("99999999999999999999/3").contains("from 0 to 2"));
        assert!(told("0/0").contains("from 1 to 100000") && told("0/100001").contains("from 1 to 100000"));
        assert_eq!("02/8".parse::<Shard>().unwrap().to_string(), "2/8");
    }
}
