//! The order of files: the same everywhere, and as a person would sort them.

use std::cmp::Ordering;
use std::path::Path;

/// Natural order of paths: numbers are compared by value; equal names are ordered by their bytes.
pub fn natural_order(a: &Path, b: &Path) -> Ordering {
    let mut parts = a.iter().zip(b.iter()).map(|(a, b)| {
        let (a, b) = (a.as_encoded_bytes(), b.as_encoded_bytes());
        natural_bytes(a, b).then_with(|| a.cmp(b))
    });
    parts.find(|order| order.is_ne()).unwrap_or_else(|| a.cmp(b))
}

fn natural_bytes(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let (Some(first_a), Some(first_b)) = (a.first(), b.first()) {
        let order = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, rest_a) = split_number(a);
            let (number_b, rest_b) = split_number(b);
            (a, b) = (rest_a, rest_b);
            // Without leading zeros the longer number is the larger one, so numbers of any length
            // can be compared.
            number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            first_a.cmp(first_b)
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// The digits at the start without leading zeros, and what follows them.
fn split_number(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    let (digits, rest) = bytes.split_at(end);
    let zeros = digits.iter().take_while(|&&b| b == b'0').count();
    (&digits[zeros..], rest)
}
