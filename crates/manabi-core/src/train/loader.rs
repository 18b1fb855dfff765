//! Prefetching loader: batches in order, prepared ahead by rayon workers.
//!
//! A batch is a pure function of `(seed, epoch, position)`: order from [`Order`],
//! augmentation from `Key { Augment, epoch, sample, view }`. Results are put back in order
//! by index, so the number of threads cannot change them. A sample that fails to load is
//! replaced by one that the same key draws, and reported. The worker ends when the
//! consumer goes; it cannot outlive the scope that it was started in.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{Scope, ScopedJoinHandle},
};

use candle_core::Device;
use crossbeam_channel::{Receiver, bounded};
use rayon::prelude::*;

use super::Order;
use crate::{
    Error, Result,
    data::{Skipped, Source},
    method::ViewPlan,
    modality::Modality,
    rng::{Key, Purpose, Rng},
};

/// How many other samples are tried in place of one that fails to load.
const RETRIES: u32 = 16;

/// One step's input.
#[derive(Debug)]
pub struct Batch<B> {
    /// The step that it is for.
    pub step: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Row numbers of the samples in the dataset.
    pub samples: Vec<usize>,
    /// Labels or transformation classes; empty where the method wants none.
    pub labels: Vec<u32>,
    /// One collated batch a view.
    pub views: Vec<B>,
    /// Rows that could not be loaded and were replaced.
    pub skipped: Vec<(usize, Skipped)>,
}

/// What the loader makes batches of.
pub struct LoadJob<'a, M: Modality> {
    /// The modality.
    pub modality: &'a M,
    /// The dataset.
    pub source: &'a dyn Source<M::Sample>,
    /// The rows that are trained on.
    pub rows: &'a [usize],
    /// What the method wants of each sample.
    pub plan: ViewPlan,
    /// Hand the samples' labels to the method.
    pub labelled: bool,
    /// The run's seed.
    pub seed: u64,
    /// Samples a batch.
    pub batch: usize,
    /// Where batches are made.
    pub device: Device,
}

type Make<'a, S> = dyn Fn(&S, &mut Rng) -> Result<S> + Sync + 'a;
type Drawn<S> = (usize, Arc<S>, Vec<(usize, Skipped)>);

impl<M: Modality> LoadJob<'_, M> {
    /// The batch of `step`.
    pub fn load(&self, order: &mut Order, step: u64) -> Result<Batch<M::Batch>> {
        let (epoch, positions) = order.batch(step);
        let rows: Vec<usize> = positions.iter().map(|&p| self.rows[p]).collect();
        let key = Key::new(self.seed, Purpose::Augment).epoch(epoch);
        let drawn: Vec<Drawn<M::Sample>> =
            rows.into_par_iter().map(|row| self.draw(epoch, row)).collect::<Result<_>>()?;
        let samples: Vec<usize> = drawn.iter().map(|d| d.0).collect();
        let view = |number: u32, make: &Make<M::Sample>| {
            drawn
                .par_iter()
                .map(|(row, sample, _)| make(sample, &mut key.sample(*row as u64).view(number).rng()))
                .collect::<Result<Vec<M::Sample>>>()
        };
        let (views, labels) = match &self.plan {
            ViewPlan::Views(kinds) => {
                let mut views = Vec::with_capacity(kinds.len());
                for (number, &kind) in kinds.iter().enumerate() {
                    let number = number as u32;
                    let made = view(number, &|s, rng| self.modality.augment(s, kind, rng))?;
                    let mixing = Key::new(self.seed, Purpose::Mix).epoch(epoch).sample(step).view(number);
                    let made = self.modality.mix(made, kind, mixing)?;
                    views.push(self.modality.collate(&made, &self.device)?);
                }
                (views, self.labels(&samples)?)
            }
            &ViewPlan::Transformed { task, classes } => {
                let classes = classes as u32;
                let made: Vec<Vec<M::Sample>> = drawn
                    .par_iter()
                    .map(|(row, sample, _)| {
                        (0..classes)
                            .map(|c| {
                                let mut rng = key.sample(*row as u64).view(c).rng();
                                self.modality.transform(sample, task, c, &mut rng)
                            })
                            .collect::<Result<_>>()
                    })
                    .collect::<Result<_>>()?;
                let made: Vec<M::Sample> = made.into_iter().flatten().collect();
                let labels = (0..samples.len()).flat_map(|_| 0..classes).collect();
                (vec![self.modality.collate(&made, &self.device)?], labels)
            }
        };
        let skipped = drawn.into_iter().flat_map(|d| d.2).collect();
        Ok(Batch { step, epoch, samples, labels, views, skipped })
    }

    fn labels(&self, samples: &[usize]) -> Result<Vec<u32>> {
        if !self.labelled {
            return Ok(Vec::new());
        }
        let records = self.source.records();
        samples
            .iter()
            .map(|&row| {
                let record = &records[row];
                record.label.ok_or_else(|| {
                    Error::data(format!("{} has no label; supervised training takes labelled rows only", record.id))
                })
            })
            .collect()
    }

    /// The sample of `row`, or of the first other row that loads among those that its key draws.
    fn draw(&self, epoch: u64, row: usize) -> Result<Drawn<M::Sample>> {
        let mut skipped = Vec::new();
        let mut candidate = row;
        let mut rng = Key::new(self.seed, Purpose::Order).epoch(epoch).sample(row as u64).view(1).rng();
        for _ in 0..=RETRIES {
            // A decoder that panics on one broken file must not end a run of hours.
            let loaded = catch_unwind(AssertUnwindSafe(|| self.source.load(candidate)))
                .unwrap_or_else(|_| Err(Error::data("its decoder panicked")));
            match loaded {
                Ok(sample) => return Ok((candidate, sample, skipped)),
                Err(e) => {
                    let id = self.source.records()[candidate].id.clone();
                    skipped.push((candidate, Skipped { id, reason: e.to_string() }));
                }
            }
            candidate = self.rows[rng.below(self.rows.len())];
        }
        let last = skipped.pop().map(|(_, s)| format!("{}: {}", s.id, s.reason)).unwrap_or_default();
        Err(Error::data(format!("{} samples in a row could not be loaded; the last was {last}", RETRIES + 1)))
    }
}

/// A worker that prepares batches ahead.
pub struct Loader<'scope, B> {
    receiver: Option<Receiver<Result<Batch<B>>>>,
    handle: Option<ScopedJoinHandle<'scope, ()>>,
}

impl<'scope, B: Send + 'static> Loader<'scope, B> {
    /// Starts preparing the batches of `steps`, at most `prefetch` ahead. `workers` threads of its
    /// own, or with 0 those of rayon's global pool.
    pub fn spawn<'env: 'scope, M: Modality<Batch = B>>(
        scope: &'scope Scope<'scope, 'env>,
        job: LoadJob<'env, M>,
        steps: Range<u64>,
        prefetch: usize,
        workers: usize,
    ) -> Result<Self> {
        let pool = match workers {
            0 => None,
            n => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(n)
                    .build()
                    .map_err(|e| Error::config(format!("{n} loader threads cannot be started: {e}")))?,
            ),
        };
        let (sender, receiver) = bounded(prefetch.max(1));
        let handle = scope.spawn(move || {
            let mut order = Order::new(job.seed, job.rows.len(), job.batch);
            for step in steps {
                let batch = catch_unwind(AssertUnwindSafe(|| match &pool {
                    Some(pool) => pool.install(|| job.load(&mut order, step)),
                    None => job.load(&mut order, step),
                }))
                .unwrap_or_else(|_| Err(Error::data(format!("preparing the batch of step {step} panicked"))));
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    break; // the consumer has gone, or will go
                }
            }
        });
        Ok(Self { receiver: Some(receiver), handle: Some(handle) })
    }

    /// The next batch; `None` after the last.
    pub fn next_batch(&mut self) -> Result<Option<Batch<B>>> {
        match self.receiver.as_ref().map(Receiver::recv) {
            Some(Ok(batch)) => batch.map(Some),
            _ => Ok(None),
        }
    }
}

impl<B> Drop for Loader<'_, B> {
    fn drop(&mut self) {
        // First the channel, so that a worker that waits for room wakes up; then the worker.
        self.receiver = None;
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        modality::ViewKind,
        train::toy::{Points, PointsSource},
    };

    fn batches(source: &PointsSource, workers: usize, steps: Range<u64>) -> Result<Vec<Batch<candle_core::Tensor>>> {
        let modality = Points::new(4);
        let rows: Vec<usize> = (0..source.len()).collect();
        std::thread::scope(|scope| {
            let job = LoadJob {
                modality: &modality,
                source,
                rows: &rows,
                plan: ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)]),
                labelled: false,
                seed: 3,
                batch: 4,
                device: Device::Cpu,
            };
            let mut loader = Loader::spawn(scope, job, steps, 2, workers)?;
            let mut all = Vec::new();
            while let Some(batch) = loader.next_batch()? {
                all.push(batch);
            }
            Ok(all)
        })
    }

    fn values(batches: &[Batch<candle_core::Tensor>]) -> Vec<f32> {
        batches.iter().flat_map(|b| &b.views).flat_map(|v| v.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
    }

    #[test]
    fn batches_do_not_depend_on_threads_nor_on_where_one_starts() {
        let source = PointsSource::new(18, 4);
        let one = batches(&source, 1, 0..9).unwrap();
        assert_eq!(one.len(), 9);
        assert_eq!(values(&one), values(&batches(&source, 3, 0..9).unwrap()));
        assert_eq!(values(&one), values(&batches(&source, 0, 0..9).unwrap()));
        assert_eq!(values(&one[5..]), values(&batches(&source, 2, 5..9).unwrap()));
    }

    #[test]
    fn two_views_of_a_sample_differ_and_so_do_two_epochs() {
        let all = batches(&PointsSource::new(4, 4), 1, 0..2).unwrap();
        let v = values(&all);
        assert_ne!(v[..16], v[16..32]);
        assert_ne!(v[..32], v[32..]);
    }

    #[test]
    fn a_sample_that_does_not_load_is_replaced_in_the_same_way_each_time_and_reported() {
        let mut source = PointsSource::new(12, 4);
        source.broken = vec![2, 7];
        let first = batches(&source, 1, 0..3).unwrap();
        let skipped: Vec<_> = first.iter().flat_map(|b| &b.skipped).collect();
        assert!(skipped.iter().any(|(row, s)| *row == 2 && s.id == "row 2"));
        assert!(first.iter().all(|b| b.samples.len() == 4 && !b.samples.contains(&2) && !b.samples.contains(&7)));
        let again = batches(&source, 3, 0..3).unwrap();
        assert_eq!(values(&first), values(&again));
    }

    #[test]
    fn a_dataset_without_one_good_sample_ends_in_an_error_and_not_in_a_loop() {
        let mut source = PointsSource::new(6, 4);
        source.broken = (0..6).collect();
        let message = batches(&source, 1, 0..3).unwrap_err().to_string();
        assert!(message.contains("17 samples in a row"), "{message}");
    }

    #[test]
    fn a_decoder_that_panics_is_a_bad_sample() {
        let mut source = PointsSource::new(6, 4);
        source.panics = vec![1];
        let all = batches(&source, 1, 0..1).unwrap();
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_consumer_that_leaves_early_does_not_hang() {
        let (source, modality, rows) = (PointsSource::new(64, 4), Points::new(4), (0..64).collect::<Vec<_>>());
        std::thread::scope(|scope| {
            let plan = ViewPlan::Transformed { task: 0, classes: 2 };
            let job = LoadJob {
                modality: &modality,
                source: &source,
                rows: &rows,
                plan,
                labelled: false,
                seed: 0,
                batch: 2,
                device: Device::Cpu,
            };
            let mut loader = Loader::spawn(scope, job, 0..1_000_000, 2, 1).unwrap();
            let batch = loader.next_batch().unwrap().unwrap();
            assert_eq!(batch.labels, [0, 1, 0, 1]);
            assert_eq!(batch.views[0].dims(), [4, 4]);
        });
    }
}
