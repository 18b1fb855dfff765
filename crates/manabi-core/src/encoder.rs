//! What turns a batch into features. Implemented in the modality crates.

use candle_core::Tensor;

use crate::{Result, nn::Params};

/// How a forward pass treats batch statistics and dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, running statistics updated, dropout on.
    Train,
    /// As `Train`, for a block that is computed again in the backward pass: running statistics have been updated.
    Again,
    /// Running statistics, dropout off: the same row gives the same features in any batch.
    Eval,
}

/// An encoder of batches `B`.
pub trait Encoder<B>: Send {
    /// Features `(N, D)` of a batch of `N` samples.
    fn features(&self, batch: &B, mode: Mode) -> Result<Tensor>;

    /// `D`.
    fn dim(&self) -> usize;

    /// What classifiers and evaluation read, `(N, R)`: the features, unless the encoder knows
    /// a richer read-out (several stages, a coarse grid). Differentiable, so that the supervised
    /// baseline and fine-tuning sit on the same thing as the linear probe.
    fn readout(&self, batch: &B, mode: Mode) -> Result<Tensor> {
        self.features(batch, mode)
    }

    /// `R`.
    fn readout_dim(&self) -> usize {
        self.dim()
    }

    /// The token view of this encoder, if it has one; masked prediction needs it.
    fn tokens(&self) -> Option<&dyn TokenEncoder<B>> {
        None
    }

    /// The view of this encoder in order of time, if it has one; predicting what comes next needs it.
    fn frames(&self) -> Option<&dyn FrameEncoder<B>> {
        None
    }

    /// The view of this encoder part by part, if its samples are of any number of parts.
    fn packed(&self) -> Option<&dyn PackedEncoder<B>> {
        None
    }
}

/// An encoder of samples of any number of parts (words, nodes), which it describes one by one. The parts of all samples
/// of a batch lie one after the other, `ΣT` in all; there is no padding.
pub trait PackedEncoder<B> {
    /// Width `C` of a part's features.
    fn part_dim(&self) -> usize;

    /// Features of all parts `(ΣT, C)`.
    fn parts(&self, batch: &B, mode: Mode) -> Result<Tensor>;

    /// The table `(V, E)` in which parts are looked up, for an output layer that shares it.
    fn table(&self) -> &Tensor;

    /// Which of the sample's other parts a part's features depend on.
    fn sees(&self) -> Sees;
}

/// What a part of a sample sees beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Nothing: each part has its own vector, whatever it stands beside.
    Nothing,
    /// The parts before it.
    Before,
    /// All parts.
    All,
}

/// An encoder that describes a sample piece by piece, in order.
pub trait FrameEncoder<B> {
    /// Width `C` of a frame.
    fn frame_dim(&self) -> usize;

    /// The smallest distance at which two frames share no part of the input: predicting a nearer one is partly copying.
    fn span(&self) -> usize;

    /// Frames `(N, T, C)` in order of time. Each sees a bounded neighbourhood of its place alone: a frame that saw the
    /// whole sample would know the answer to every question about the others.
    fn frames(&self, batch: &B, mode: Mode) -> Result<Tensor>;
}

/// What a masked-prediction method predicts.
#[derive(Clone, Debug)]
pub enum Targets {
    /// Real-valued targets `(N, T, C)`, regressed.
    Continuous(Tensor),
    /// Class targets `(N, T)` (`u32`) out of `classes`, classified.
    Discrete {
        /// The classes.
        ids: Tensor,
        /// How many there are.
        classes: usize,
    },
}

/// Which tokens of a batch are hidden from the encoder.
#[derive(Clone, Debug)]
pub struct Mask {
    /// `(N, T)` `f32`: 1 where the token is masked (to be predicted), 0 where it is seen.
    pub masked: Tensor,
}

/// An encoder that can look at tokens with some of them masked.
pub trait TokenEncoder<B> {
    /// Number of tokens `T` of each sample of `batch`.
    fn token_count(&self, batch: &B) -> Result<usize>;

    /// Grid of the tokens, `(rows, columns)`; `(1, T)` for a sequence.
    fn token_grid(&self, batch: &B) -> Result<(usize, usize)>;

    /// Width `C` of a continuous target, or the number of classes of a discrete one.
    fn target_dim(&self) -> usize;

    /// What is to be predicted at each token.
    fn targets(&self, batch: &B) -> Result<Targets>;

    /// `(N, T)` `f32`: 1 for tokens in which something was measured, 0 for padding and gaps, which nobody can be asked to
    /// predict; `None` where all tokens hold something.
    fn measured(&self, _batch: &B) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Token features `(N, T, D)`, masked tokens replaced by a learnt mask token.
    fn masked_tokens(&self, batch: &B, mask: &Mask) -> Result<Tensor>;

    /// Features `(N, V, D)` of some tokens alone, the others not even looked at; `rows` are their places among all
    /// `N·T`, in order, `V` of each sample.
    fn visible_tokens(&self, batch: &B, rows: &[u32]) -> Result<Tensor>;
}

/// Builds an encoder on a parameter store: the student's and the teacher's come from the same one.
pub type EncoderFactory<B> = std::sync::Arc<dyn Fn(&Params) -> Result<Box<dyn Encoder<B>>> + Send + Sync>;
