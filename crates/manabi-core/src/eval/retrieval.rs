//! What a ranking of a corpus by cosine is worth, query by query, where the relevant rows are known.
//!
//! With `R` relevant rows that stand at the places `p` (the first is 1):
//! - Recall at k: `|{p ≤ k}| / R`, the share of the relevant rows that are among the first k; at most `k / R`.
//! - MRR: the mean of `1 / min p`. Uncut: a first relevant row at place 5000 counts as 1/5000, not as 0.
//! - nDCG at 10 (Järvelin & Kekäläinen 2002), gains 0 or 1: `Σ_{p ≤ 10} 1/log2(p + 1)` over `Σ_{i ≤ min(R, 10)} 1/log2(i + 1)`,
//!   as scikit-learn's `ndcg_score(k=10, ignore_ties=True)`.
//!
//! Each is the mean over the queries that have a relevant row. Equal cosines go to the smaller row; a row of zeros has
//! cosine 0. Products in f32 say which rows are near the places that count, and the cosines of those are taken in f64, so
//! that neither the order nor a tie depends on the blocks.
//!
//! Shapes: queries `(Q, D)`, corpus `(N, D)`, relevant rows `Q` lists. Cost: `2 Q N D` operations and a copy of the
//! corpus; blocks of queries against blocks of rows in parallel, so that no `(Q, N)` matrix is kept.

use rayon::prelude::*;

use super::features::Features;
use super::matrix::{blocks, dots};
use crate::error::{Error, Result};

/// Queries in a block.
const QUERIES: usize = 256;
/// Rows in a block.
const ROWS: usize = 2048;
/// The places that recall is taken at.
const CUTS: [usize; 3] = [1, 5, DEPTH];
/// How many places are remembered.
const DEPTH: usize = 10;

/// What the ranking is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieval {
    /// `k` and the mean share of the relevant rows that are among the first `k`, for 1, 5 and 10.
    pub recall_at: Vec<(usize, f64)>,
    /// The mean reciprocal place of the first relevant row, wherever it stands.
    pub mrr: f64,
    /// The mean normalised discounted cumulative gain of the first ten places, 0 to 1.
    pub ndcg_at_10: f64,
    /// How many queries the means are over.
    pub queries: usize,
    /// How many queries have no relevant row; they are in no mean.
    pub without_relevant: usize,
}

impl Retrieval {
    /// Ranks the corpus for each query; `relevant[query]` are rows of the corpus in any order, a repeated one counts once.
    ///
    /// `left_out[query]` is a row of the corpus that this query does not see, itself as a rule; nor is it relevant then.
    pub fn of(
        queries: &Features,
        corpus: &Features,
        relevant: &[Vec<usize>],
        left_out: Option<&[usize]>,
    ) -> Result<Self> {
        queries.same_dim(corpus.dim())?;
        one_a_query("sets of relevant rows", relevant.len(), queries.rows())?;
        one_a_query("rows left out", left_out.map_or(queries.rows(), <[usize]>::len), queries.rows())?;
        let mut asked = Vec::new();
        for (query, relevant) in relevant.iter().enumerate() {
            let left_out = left_out.map(|rows| rows[query]);
            if let Some(row) = relevant.iter().copied().chain(left_out).find(|&row| row >= corpus.rows()) {
                return Err(Error::data(format!("query {query} names row {row} of a corpus of {}", corpus.rows())));
            }
            let mut relevant: Vec<usize> = relevant.iter().copied().filter(|&row| Some(row) != left_out).collect();
            relevant.sort_unstable();
            relevant.dedup();
            if !relevant.is_empty() {
                asked.push(Query { number: query, relevant, left_out });
            }
        }
        if asked.is_empty() {
            return Err(Error::data(format!(
                "none of {} queries has a relevant row among the {} of the corpus",
                queries.rows(),
                corpus.rows()
            )));
        }
        let numbers: Vec<usize> = asked.iter().map(|query| query.number).collect();
        let worth = rank(&queries.select(&numbers).l2_normalized(), &corpus.l2_normalized(), &asked)?;
        let mean = |of: &dyn Fn(&Worth) -> f64| worth.iter().map(of).sum::<f64>() / worth.len() as f64;
        Ok(Self {
            recall_at: CUTS.iter().enumerate().map(|(i, &k)| (k, mean(&|w| w.recall[i]))).collect(),
            mrr: mean(&|w| w.reciprocal),
            ndcg_at_10: mean(&|w| w.ndcg),
            queries: asked.len(),
            without_relevant: queries.rows() - asked.len(),
        })
    }
}

fn one_a_query(what: &str, found: usize, queries: usize) -> Result<()> {
    if found != queries {
        return Err(Error::data(format!("{found} {what} for {queries} queries")));
    }
    Ok(())
}

/// What is asked.
struct Query {
    /// Its row among all queries.
    number: usize,
    /// Ascending, each once, at least one.
    relevant: Vec<usize>,
    left_out: Option<usize>,
}

/// The figures of one query.
struct Worth {
    recall: [f64; CUTS.len()],
    reciprocal: f64,
    ndcg: f64,
}

/// Passes the normalised rows by each normalised query.
fn rank(queries: &Features, rows: &Features, asked: &[Query]) -> Result<Vec<Worth>> {
    let (query_blocks, row_blocks) = (blocks(queries, QUERIES)?, blocks(rows, ROWS)?);
    // A sum of D products of unit vectors in f32 is off by at most about D/2 times the spacing at 1.
    let slack = rows.dim() as f64 * f64::from(f32::EPSILON);
    let worth: Vec<Vec<Worth>> = query_blocks
        .par_iter()
        .zip(asked.par_chunks(QUERIES))
        .enumerate()
        .map(|(i, (block, asked))| {
            let start = |(q, asked)| Ranking::new(queries.row(i * QUERIES + q), asked, rows);
            let mut rankings: Vec<Ranking> = asked.iter().enumerate().map(start).collect();
            for (j, row_block) in row_blocks.iter().enumerate() {
                let (cosines, n) = (dots(block, row_block)?, row_block.dim(0)?);
                for (ranking, cosines) in rankings.iter_mut().zip(cosines.chunks_exact(n)) {
                    ranking.pass(rows, j * ROWS, cosines, slack);
                }
            }
            Ok(rankings.iter().map(Ranking::worth).collect())
        })
        .collect::<Result<_>>()?;
    Ok(worth.into_iter().flatten().collect())
}

/// What is known of one query's order so far.
struct Ranking<'a> {
    query: &'a [f32],
    asked: &'a Query,
    /// Cosine and row of the relevant row that comes first.
    first: (f64, usize),
    /// How many rows come before it.
    before: usize,
    /// Cosine and row of the first [`DEPTH`] rows, in order.
    best: Vec<(f64, usize)>,
}

impl<'a> Ranking<'a> {
    fn new(query: &'a [f32], asked: &'a Query, rows: &Features) -> Self {
        let cosines = asked.relevant.iter().map(|&row| (cosine(query, rows.row(row)), row));
        let first = cosines.fold((f64::NEG_INFINITY, 0), |first, next| if next.0 > first.0 { next } else { first });
        Self { query, asked, first, before: 0, best: Vec::with_capacity(DEPTH + 1) }
    }

    /// Takes in the rows `from..`, whose cosines are known to within `slack`.
    fn pass(&mut self, rows: &Features, from: usize, cosines: &[f32], slack: f64) {
        let last = |best: &[(f64, usize)]| best.get(DEPTH - 1).map_or(f64::NEG_INFINITY, |last| last.0);
        let mut enters = last(&self.best) - slack;
        for (row, &about) in (from..).zip(cosines).filter(|&(row, _)| Some(row) != self.asked.left_out) {
            let ahead = f64::from(about) - self.first.0;
            if f64::from(about) < enters && ahead.abs() > slack {
                self.before += usize::from(ahead > 0.0);
                continue;
            }
            let cosine = cosine(self.query, rows.row(row));
            self.before += usize::from(cosine > self.first.0 || cosine == self.first.0 && row < self.first.1);
            // Rows come in ascending order, so that an equal one goes after those before it.
            let at = self.best.partition_point(|best| best.0 >= cosine);
            if at < DEPTH {
                self.best.insert(at, (cosine, row));
                self.best.truncate(DEPTH);
                enters = last(&self.best) - slack;
            }
        }
    }

    fn worth(&self) -> Worth {
        let relevant = &self.asked.relevant;
        let hits: Vec<bool> = self.best.iter().map(|(_, row)| relevant.binary_search(row).is_ok()).collect();
        let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
        let found: f64 = hits.iter().enumerate().filter(|(_, hit)| **hit).map(|(place, _)| gain(place)).sum();
        Worth {
            recall: CUTS.map(|k| hits.iter().take(k).filter(|hit| **hit).count() as f64 / relevant.len() as f64),
            reciprocal: 1.0 / (self.before as f64 + 1.0),
            ndcg: found / (0..relevant.len().min(DEPTH)).map(gain).sum::<f64>(),
        }
    }
}

/// The cosine of two rows of length 1.
fn cosine(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::neighbors::tests::noise;
    use super::*;

    /// Sorts the whole corpus for each query and reads the figures off the places.
    fn plain(queries: &Features, corpus: &Features, relevant: &[Vec<usize>], left_out: Option<&[usize]>) -> Retrieval {
        let (queries, corpus) = (queries.l2_normalized(), corpus.l2_normalized());
        let (mut recall, mut mrr, mut ndcg, mut asked) = ([0.0; 3], 0.0, 0.0, 0);
        for q in 0..queries.rows() {
            let seen = |row: &usize| left_out.is_none_or(|left_out| left_out[q] != *row);
            let mut order: Vec<usize> = (0..corpus.rows()).filter(seen).collect();
            // The sum makes -0, which `total_cmp` puts before 0, the same number.
            let cosines: Vec<f64> =
                (0..corpus.rows()).map(|row| cosine(queries.row(q), corpus.row(row)) + 0.0).collect();
            order.sort_by(|&a, &b| cosines[b].total_cmp(&cosines[a]).then(a.cmp(&b)));
            let places: Vec<usize> =
                (1..).zip(order).filter(|(_, row)| relevant[q].contains(row)).map(|p| p.0).collect();
            let total = places.len() as f64;
            if places.is_empty() {
                continue;
            }
            asked += 1;
            let gain = |place: usize| 1.0 / (place as f64 + 1.0).log2();
            for (recall, k) in recall.iter_mut().zip([1, 5, 10]) {
                *recall += places.iter().filter(|&&place| place <= k).count() as f64 / total;
            }
            mrr += 1.0 / places[0] as f64;
            let found: f64 = places.iter().filter(|&&place| place <= 10).map(|&place| gain(place)).sum();
            ndcg += found / (1..=places.len().min(10)).map(gain).sum::<f64>();
        }
        let n = f64::from(asked);
        Retrieval {
            recall_at: [1, 5, 10].into_iter().zip(recall.map(|r| r / n)).collect(),
            mrr: mrr / n,
            ndcg_at_10: ndcg / n,
            queries: asked as usize,
            without_relevant: queries.rows() - asked as usize,
        }
    }

    fn close(a: &Retrieval, b: &Retrieval) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let recall = a.recall_at.iter().zip(&b.recall_at).all(|(a, b)| a.0 == b.0 && near(a.1, b.1));
        recall
            && near(a.mrr, b.mrr)
            && near(a.ndcg_at_10, b.ndcg_at_10)
            && (a.queries, a.without_relevant) == (b.queries, b.without_relevant)
    }

    // import numpy as np; from sklearn.metrics import ndcg_score
    // from sklearn.metrics.pairwise import cosine_similarity
    // def figures(q, c, y, own=False):
    //     s = cosine_similarity(q, c) - 3 * own
    //     top = np.take_along_axis(y, np.argsort(-s, kind="stable"), 1); n = y.sum(1)
    //     print([(top[:, :k].sum(1) / n).mean() for k in (1, 5, 10)], (1 / (1 + top.argmax(1))).mean(), ndcg_score(y, s, k=10))
    // c, i = np.sin(np.arange(160) ** 2 * 0.37).reshape(40, 4).astype("f"), np.arange(40)
    // q = np.cos(np.arange(48) ** 2 * 0.11).reshape(12, 4).astype("f")
    // figures(q, c, i % 5 == i[:12, None] % 5)
    // own = np.eye(40, dtype=bool); figures(c, c, (i % 9 == i[:, None] % 9) & ~own, own)
    #[test]
    fn figures_are_those_of_scikit_learn_with_and_without_the_query_itself() {
        let wave = |n: u32, f: fn(f64) -> f64, rate: f64| (0..n).map(|i| f(f64::from(i * i) * rate) as f32).collect();
        let corpus = Features::new(40, 4, wave(160, f64::sin, 0.37)).unwrap();
        let queries = Features::new(12, 4, wave(48, f64::cos, 0.11)).unwrap();
        let same = |q: usize, n: usize| (0..40).filter(|row| row % n == q % n).collect::<Vec<usize>>();
        let relevant: Vec<Vec<usize>> = (0..12).map(|q| same(q, 5)).collect();
        let figures = Retrieval {
            recall_at: vec![(1, 0.010416666666666666), (5, 0.08333333333333333), (10, 0.17708333333333334)],
            mrr: 0.2545995670995671,
            ndcg_at_10: 0.14427936036245978,
            queries: 12,
            without_relevant: 0,
        };
        let found = Retrieval::of(&queries, &corpus, &relevant, None).unwrap();
        assert!(close(&found, &figures), "{found:?}");
        let relevant: Vec<Vec<usize>> = (0..40).map(|q| same(q, 9)).collect();
        let figures = Retrieval {
            recall_at: vec![(1, 0.014583333333333332), (5, 0.075), (10, 0.2333333333333333)],
            mrr: 0.19525012923522986,
            ndcg_at_10: 0.14066955123806263,
            queries: 40,
            without_relevant: 0,
        };
        let found = Retrieval::of(&corpus, &corpus, &relevant, Some(&(0..40).collect::<Vec<_>>())).unwrap();
        assert!(close(&found, &figures), "{found:?}");
    }

    #[test]
    fn equal_cosines_go_to_the_smaller_row_in_whatever_block_it_is() {
        // 4500 copies of one row, in three blocks: a relevant row stands at its own number.
        let corpus = noise(1, 48, 3).select(&[0; 4500]);
        let relevant = [vec![0], vec![4499, 2048], vec![4], vec![4499], vec![9, 9, 30]];
        let found = Retrieval::of(&noise(5, 48, 4), &corpus, &relevant, None).unwrap();
        let mrr = (1.0 + 1.0 / 2049.0 + 0.2 + 1.0 / 4500.0 + 0.1) / 5.0;
        assert!((found.mrr - mrr).abs() < 1e-12, "{found:?}");
        assert_eq!(found.recall_at, [(1, 0.2), (5, 0.4), (10, 0.5)]);
        // Without row 3, what comes after it moves up by one.
        let found = Retrieval::of(&noise(1, 48, 4), &corpus, &relevant[2..3], Some(&[3])).unwrap();
        assert_eq!(found.mrr, 0.25);
    }

    #[test]
    fn many_blocks_give_what_sorting_the_whole_corpus_gives() {
        let rows: Vec<usize> = (0..2600).map(|i| if i % 3 == 0 { i / 3 } else { i }).collect();
        let corpus = noise(2600, 6, 1).select(&rows);
        let queries = noise(300, 6, 2);
        let relevant: Vec<Vec<usize>> =
            (0..300).map(|q| (0..q % 14).map(|i| (q * 97 + i * i * 61) % 2600).collect()).collect();
        let left_out: Vec<usize> = (0..300).map(|q| (q * 97 + 61) % 2600).collect();
        for left_out in [None, Some(&left_out[..])] {
            let found = Retrieval::of(&queries, &corpus, &relevant, left_out).unwrap();
            let expected = plain(&queries, &corpus, &relevant, left_out);
            assert!(close(&found, &expected), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn queries_without_a_relevant_row_are_counted_and_in_no_mean() {
        let corpus = Features::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap();
        let itself = [0, 1, 2];
        let found = Retrieval::of(&corpus, &corpus, &[vec![2], vec![], vec![2]], Some(&itself)).unwrap();
        assert_eq!((found.queries, found.without_relevant), (1, 2));
        assert_eq!((found.mrr, found.ndcg_at_10, found.recall_at[0]), (1.0, 1.0, (1, 1.0)));
        let message = Retrieval::of(&corpus, &corpus, &[vec![0], vec![1], vec![]], Some(&itself)).unwrap_err();
        assert!(message.to_string().contains("none of 3 queries"), "{message}");
    }

    #[test]
    fn lists_of_another_length_and_rows_that_are_not_there_are_refused() {
        let (queries, corpus) = (noise(2, 3, 0), noise(4, 3, 1));
        let message = |relevant: &[Vec<usize>], left_out: Option<&[usize]>| {
            Retrieval::of(&queries, &corpus, relevant, left_out).unwrap_err().to_string()
        };
        assert!(message(&[vec![0]], None).contains("1 sets of relevant rows for 2 queries"));
        assert!(message(&[vec![0], vec![1]], Some(&[0; 3])).contains("3 rows left out for 2 queries"));
        assert!(message(&[vec![0], vec![3, 4]], None).contains("query 1 names row 4 of a corpus of 4"));
        assert!(message(&[vec![0], vec![1]], Some(&[7, 0])).contains("query 0 names row 7 of a corpus of 4"));
        assert!(Retrieval::of(&queries, &noise(4, 2, 1), &[vec![0], vec![1]], None).is_err());
    }

    proptest! {
        #[test]
        fn figures_agree_with_sorting_the_corpus_ties_and_zeros_included(
            cells in proptest::collection::vec(-2..3i8, 3..90),
            relevant in proptest::collection::vec(proptest::collection::vec(0..1000usize, 0..6), 1..12),
            rows in proptest::collection::vec(0..1000usize, 12),
            itself: bool,
        ) {
            let n = cells.len() / 3;
            let corpus = Features::new(n, 3, cells[..3 * n].iter().map(|&x| f32::from(x)).collect()).unwrap();
            let relevant: Vec<Vec<usize>> = relevant.iter().map(|r| r.iter().map(|row| row % n).collect()).collect();
            let rows: Vec<usize> = rows[..relevant.len()].iter().map(|row| row % n).collect();
            let queries = corpus.select(&rows);
            let left_out = itself.then_some(&rows[..]);
            let expected = plain(&queries, &corpus, &relevant, left_out);
            match Retrieval::of(&queries, &corpus, &relevant, left_out) {
                Ok(found) => prop_assert!(close(&found, &expected), "{:?} {:?}", found, expected),
                Err(_) => prop_assert_eq!(expected.queries, 0),
            }
        }
    }
}
