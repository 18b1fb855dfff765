//! Groups of texts that are nearly the same, by their sketches.
//!
//! A sketch is cut into 16 bands of 4 numbers. Texts that agree in a whole band are compared: of a pair with `J = 0.8`
//! in common that misses one of 5000, of one with 0.3 it takes one of 8. Who is nearly the same as one of a group
//! belongs to it.
//!
//! Cost: linear in the texts but for sorting them, whatever they are: within a band a text is compared with at most
//! eight others.

use rayon::prelude::*;

use super::minhash::{ORDERS, Signature, similarity};

/// Texts with this share of their shingles in common are nearly the same: 0.8, less two standard errors of the
/// estimate, so that a pair of just 0.8 is found. It is what one changed word leaves of fifty.
const ALIKE: f64 = 0.7;
/// Numbers of a band.
const ROWS: usize = 4;
/// Texts of a band that others are compared with.
const COMPARED: usize = 8;

/// Groups of two or more rows that are nearly the same, sorted.
pub fn near_duplicates(signatures: &[Option<Signature>]) -> Vec<Vec<usize>> {
    let pairs: Vec<Vec<(usize, usize)>> =
        (0..ORDERS / ROWS).into_par_iter().map(|band| pairs(signatures, band * ROWS)).collect();
    let mut parents: Vec<usize> = (0..signatures.len()).collect();
    for (a, b) in pairs.into_iter().flatten() {
        let (a, b) = (root(&mut parents, a), root(&mut parents, b));
        // The smallest row stands for its group.
        parents[a.max(b)] = a.min(b);
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); signatures.len()];
    for row in 0..signatures.len() {
        let root = root(&mut parents, row);
        groups[root].push(row);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// The row that stands for the group of `row`; the way there is made shorter.
fn root(parents: &mut [usize], mut row: usize) -> usize {
    while parents[row] != row {
        parents[row] = parents[parents[row]];
        row = parents[row];
    }
    row
}

/// Rows that are nearly the same and agree in the band that begins at number `first`.
fn pairs(signatures: &[Option<Signature>], first: usize) -> Vec<(usize, usize)> {
    let mut keys: Vec<([u32; ROWS], usize, &Signature)> = signatures
        .iter()
        .enumerate()
        .filter_map(|(row, signature)| {
            let signature = signature.as_ref()?;
            Some((std::array::from_fn(|i| signature.0[first + i]), row, signature))
        })
        .collect();
    keys.sort_unstable_by_key(|(key, row, _)| (*key, *row));
    let mut found = Vec::new();
    for bucket in keys.chunk_by(|a, b| a.0 == b.0) {
        // Each text joins the first that it is like, or else others are compared with it too.
        let mut heads: Vec<(usize, &Signature)> = Vec::new();
        for (_, row, signature) in bucket {
            match heads.iter().find(|(_, head)| similarity(head, signature) >= ALIKE) {
                Some((head, _)) => found.push((*head, *row)),
                None if heads.len() < COMPARED => heads.push((*row, signature)),
                None => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::{
        super::minhash::{mix, signature},
        *,
    };

    fn made_up(seed: u64, words: usize) -> Vec<String> {
        (0..words as u64).map(|i| format!("w{}", mix(mix(seed) ^ i) % 1_000_000)).collect()
    }

    #[test]
    fn a_changed_word_is_seen_through_and_unrelated_texts_are_not_grouped() {
        let mut texts: Vec<Vec<String>> = (0..100).map(|seed| made_up(seed, 50)).collect();
        for copied in [3, 40, 77] {
            let mut copy = texts[copied].clone();
            copy[7] = "changed".into();
            texts.push(copy);
        }
        let signatures: Vec<_> = texts.iter().map(|words| signature(&words.join(" "))).chain([None, None]).collect();
        assert_eq!(near_duplicates(&signatures), [[3, 100], [40, 101], [77, 102]]);
    }

    #[test]
    fn few_words_are_compared_by_their_letters() {
        let texts =
            ["Please call the office before noon tomorrow", "please call the office before noon tomorrow!!", "x"];
        assert_eq!(near_duplicates(&texts.map(signature)), [[0, 1]]);
        assert_eq!(near_duplicates(&[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn many_equal_texts_take_little_time() {
        let start = Instant::now();
        let one = signature(&made_up(1, 50).join(" "));
        assert_eq!(near_duplicates(&vec![one; 10_000]), [(0..10_000).collect::<Vec<_>>()]);
        // Compared each with each they would take minutes.
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn groups_are_sorted_and_share_no_row(seeds in proptest::collection::vec(0u64..12, 0..40)) {
            let signatures: Vec<_> = seeds.iter().map(|seed| signature(&made_up(*seed, 20).join(" "))).collect();
            let groups = near_duplicates(&signatures);
            let firsts: Vec<usize> = groups.iter().map(|group| group[0]).collect();
            prop_assert!(firsts.is_sorted() && groups.iter().all(|group| group.len() > 1 && group.is_sorted()));
            // Unrelated texts are told apart, equal ones are together.
            for (row, seed) in seeds.iter().enumerate() {
                let equal: Vec<usize> = (0..seeds.len()).filter(|other| seeds[*other] == *seed).collect();
                prop_assert_eq!(groups.contains(&equal), equal.len() > 1, "row {}", row);
            }
        }
    }
}
