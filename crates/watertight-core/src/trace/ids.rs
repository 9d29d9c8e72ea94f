//! Numbers for traces and spans.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// 2^64 ÷ the golden ratio: the step of splitmix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The id of the `n`th span under a root, from the root's id, which is random.
///
/// splitmix64's output function: a permutation, so that no two spans of a root
/// have the same id, and one root's ids say nothing about another's. No random
/// numbers are drawn for them.
pub(super) fn nth(root: u64, n: u64) -> u64 {
    let mut z = root.wrapping_add(n.wrapping_mul(STEP));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Random enough to tell jobs apart, and no dependency: the seed of a hash map.
/// Requests have their ids from whoever receives them.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_spans_of_a_root_share_an_id() {
        let ids: HashSet<u64> = (1..10_000).map(|n| nth(7, n)).collect();
        assert_eq!(ids.len(), 9_999);
        assert_ne!(nth(7, 1), nth(8, 1));
    }
}
