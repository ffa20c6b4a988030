//! Feature vectors of good images (Roth et al., "Towards total recall in industrial anomaly
//! detection", 2022).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anoseg_kernels::NearestVectors;

use crate::parameters::{ParameterData, ParameterError, lookup};

/// Most vectors of a memory bank; `architecture.memory` has the same range.
const MOST_VECTORS: usize = 100_000;

/// The vectors, and which training image each is from. Clones share them.
#[derive(Clone, Debug)]
pub struct MemoryBank {
    bank: Arc<Bank>,
}

#[derive(Debug)]
struct Bank {
    vectors: ParameterData,
    /// The image that each vector comes from, ascending; empty in a model that was loaded.
    owners: Vec<usize>,
    nearest: NearestVectors,
}

impl MemoryBank {
    /// Of `vectors [m, c]`; `owners` names the image that each is from, in ascending order, or is
    /// empty.
    ///
    /// # Panics
    /// If the vectors are not a matrix.
    pub fn new(vectors: ParameterData, owners: Vec<usize>) -> Self {
        assert_eq!(vectors.shape.len(), 2, "a memory bank is a matrix");
        let nearest = NearestVectors::new(&vectors.values, vectors.shape[1]);
        Self { bank: Arc::new(Bank { vectors, owners, nearest }) }
    }

    /// Checks that the parameter of this name is a memory bank of vectors of `channels` numbers.
    ///
    /// # Errors
    /// It is missing or has another shape.
    pub(super) fn check(
        name: &str,
        from: &BTreeMap<String, ParameterData>,
        channels: usize,
    ) -> Result<(), ParameterError> {
        let vectors = from.get(name).ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
        let count = vectors.shape.first().copied().unwrap_or(0).clamp(1, MOST_VECTORS);
        lookup(from, name, &[count, channels]).map(|_| ())
    }

    /// The memory bank of this name, moved out of the parameters. The images that its vectors are from are not
    /// kept in a file.
    ///
    /// # Errors
    /// As [`MemoryBank::check`].
    pub(super) fn take(
        name: &str,
        from: &mut BTreeMap<String, ParameterData>,
        channels: usize,
    ) -> Result<Self, ParameterError> {
        Self::check(name, from, channels)?;
        let vectors = from.remove(name).ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
        Ok(Self::new(vectors, Vec::new()))
    }

    /// The vectors, `[m, c]`.
    pub fn vectors(&self) -> &ParameterData {
        &self.bank.vectors
    }

    /// Numbers in a vector.
    pub fn channels(&self) -> usize {
        self.bank.vectors.shape[1]
    }

    /// The vectors' layout for the search.
    pub(crate) fn nearest(&self) -> &NearestVectors {
        &self.bank.nearest
    }

    /// The vectors that come from image `source`, unless there are no others. While the head is
    /// trained, an image's own vectors are left out. Otherwise clean images would have zero
    /// distance.
    pub fn own(&self, source: Option<usize>) -> Range<usize> {
        let owners = &self.bank.owners;
        let Some(source) = source else { return 0..0 };
        let first = owners.partition_point(|&owner| owner < source);
        let last = owners.partition_point(|&owner| owner <= source);
        if last - first == owners.len() { 0..0 } else { first..last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_own_vectors_are_found_unless_there_are_no_others() {
        let vectors = |count: usize| ParameterData { shape: vec![count, 1], values: vec![0.0; count] };
        let bank = MemoryBank::new(vectors(4), vec![0, 2, 2, 5]);
        assert_eq!(bank.own(Some(2)), 1..3);
        assert!(bank.own(Some(1)).is_empty() && bank.own(None).is_empty());
        assert!(MemoryBank::new(vectors(2), vec![3, 3]).own(Some(3)).is_empty());
        assert!(MemoryBank::new(vectors(2), Vec::new()).own(Some(0)).is_empty());
    }
}
