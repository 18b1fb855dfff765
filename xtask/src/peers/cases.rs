//! What is compared. Both workers know every case by its name.

/// One comparison.
pub struct Case {
    /// `kind/shape`.
    pub name: &'static str,
    /// The peer's ways of doing it; the fastest counts.
    pub variants: &'static [&'static str],
    /// Runs a turn, so that a turn takes some tenths of a second.
    pub runs: usize,
}

const FORMATS: &[&str] = &["eager", "channels_last"];
const EAGER: &[&str] = &["eager"];
const VIEWS: &[&str] = &["tensor", "pil", "lightly"];
const DECODERS: &[&str] = &["pil", "tensor", "draft"];

/// All of them.
pub const ALL: &[Case] = &[
    Case { name: "step/simclr-resnet18", variants: FORMATS, runs: 1 },
    Case { name: "step/vit-tiny", variants: EAGER, runs: 1 },
    Case { name: "step/bert-4x256", variants: EAGER, runs: 1 },
    Case { name: "conv/3x3-64@32", variants: FORMATS, runs: 2 },
    Case { name: "conv/3x3-128@16", variants: FORMATS, runs: 3 },
    Case { name: "conv/3x3-256@8", variants: FORMATS, runs: 4 },
    Case { name: "conv/3x3-512@4", variants: FORMATS, runs: 4 },
    Case { name: "matmul/256x512x512", variants: EAGER, runs: 200 },
    Case { name: "matmul/1024x1024x1024", variants: EAGER, runs: 20 },
    Case { name: "matmul/2048x2048x2048", variants: EAGER, runs: 3 },
    Case { name: "augment/simclr-32", variants: VIEWS, runs: 2 },
    Case { name: "augment/simclr-224", variants: VIEWS, runs: 2 },
    Case { name: "jpeg/folder-224", variants: DECODERS, runs: 1 },
];

impl Case {
    /// Threads of both sides, where `asked` are asked for: views are compared core by core.
    pub fn threads(&self, asked: usize) -> usize {
        if self.name.starts_with("augment/") { 1 } else { asked }
    }

    /// True where torch.compile has something to compile.
    pub fn compiles(&self) -> bool {
        self.variants == FORMATS || self.variants == EAGER
    }
}

/// Their names, for an error message.
pub fn names() -> String {
    ALL.iter().map(|case| case.name).collect::<Vec<_>>().join(", ")
}
