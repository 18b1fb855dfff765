//! What is compared. Both workers know every case by its name; shapes and counted work are theirs.

/// One comparison.
pub struct Case {
    /// `kind/shape`.
    pub name: &'static str,
    /// The peer's ways of doing it; the fastest counts.
    pub ways: &'static [&'static str],
    /// True where torch.compile has something to compile.
    pub compiles: bool,
}

const EAGER: &[&str] = &["eager"];
/// For maps: both orders in memory.
const FORMATS: &[&str] = &["eager", "channels_last"];
/// Products of bfloat16, in the order in memory that is its fastest.
const AUTOCAST: &[&str] = &["autocast"];
const VIEWS: &[&str] = &["tensor", "pil", "lightly"];
/// All clips at once, or one after the other.
const CLIPS: &[&str] = &["batch", "clip"];
const DECODERS: &[&str] = &["pil", "tensor", "draft"];

/// All of them.
pub const ALL: &[Case] = &[
    compiled("step/simclr-resnet18", FORMATS),
    compiled("step/vit-tiny", EAGER),
    compiled("step/bert-4x256", EAGER),
    plain("step/simclr-resnet18-bf16", AUTOCAST),
    plain("step/vit-tiny-bf16", AUTOCAST),
    plain("step/bert-4x256-bf16", AUTOCAST),
    compiled("series/ts2vec-step", EAGER),
    compiled("audio/byol-a-step", FORMATS),
    compiled("text/mlm-step", EAGER),
    compiled("text/minilm-embed", EAGER),
    plain("conv/3x3-64@32", FORMATS),
    plain("conv/3x3-128@16", FORMATS),
    plain("conv/3x3-256@8", FORMATS),
    plain("conv/3x3-512@4", FORMATS),
    plain("conv/3x3s2-64@32", FORMATS),
    plain("conv/1x1-256@14", FORMATS),
    plain("conv/depthwise-3x3-128@32", FORMATS),
    plain("conv/depthwise-7x7-96@56", FORMATS),
    plain("conv/1d-3-64@4096", EAGER),
    plain("conv/1d-3d8-64@4096", EAGER),
    plain("conv/1d-8s4-64@16000", EAGER),
    plain("matmul/256x512x512", EAGER),
    plain("matmul/1024x1024x1024", EAGER),
    plain("matmul/2048x2048x2048", EAGER),
    compiled("linear/gelu-8192x192x768", EAGER),
    compiled("attention/32x128", EAGER),
    compiled("attention/32x512", EAGER),
    compiled("norm/batch-relu-64@32", FORMATS),
    compiled("norm/group-64@32", FORMATS),
    compiled("norm/layer-8192x192", EAGER),
    compiled("norm/rms-8192x192", EAGER),
    compiled("activation/relu-64@32", EAGER),
    compiled("activation/add-relu-64@32", EAGER),
    compiled("activation/gelu-8192x768", EAGER),
    plain("pool/max-3s2-64@112", FORMATS),
    compiled("loss/nt-xent-512", EAGER),
    compiled("loss/nt-xent-4096", EAGER),
    compiled("loss/vicreg-512x2048", EAGER),
    compiled("loss/covariance-512x2048", EAGER),
    compiled("loss/sinkhorn-4096x3000", EAGER),
    compiled("loss/swav-512x3000", EAGER),
    compiled("loss/cross-entropy-4096x8192", EAGER),
    plain("optim/adamw-11m", EAGER),
    plain("optim/sgd-11m", EAGER),
    plain("audio/log-mel", CLIPS),
    plain("augment/simclr-32", VIEWS),
    plain("augment/simclr-224", VIEWS),
    plain("jpeg/folder-224", DECODERS),
];

const fn plain(name: &'static str, ways: &'static [&'static str]) -> Case {
    Case { name, ways, compiles: false }
}

const fn compiled(name: &'static str, ways: &'static [&'static str]) -> Case {
    Case { name, ways, compiles: true }
}

impl Case {
    /// Threads of both sides, where `asked` are asked for: views are compared core by core.
    pub fn threads(&self, asked: usize) -> usize {
        if self.name.starts_with("augment/") { 1 } else { asked }
    }

    /// True for a single kernel, which the machine's peak may bind.
    pub fn is_kernel(&self) -> bool {
        !["step/", "audio/", "series/", "text/", "augment/", "jpeg/"].iter().any(|kind| self.name.starts_with(kind))
    }
}

/// Those whose name starts with `start`.
pub fn starting(start: &str) -> Vec<&'static Case> {
    ALL.iter().filter(|case| case.name.starts_with(start)).collect()
}

/// Their names, for an error message.
pub fn names() -> String {
    ALL.iter().map(|case| case.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_prefix_and_so_is_a_whole_name() {
        assert_eq!(starting("step").len(), 6);
        assert_eq!(starting("matmul/1024x1024x1024").len(), 1);
        // No case starts so, though one has it in its name.
        assert!(starting("vit").is_empty());
    }

    #[test]
    fn the_peers_worker_knows_every_case() {
        let read = |file: &str| std::fs::read_to_string(super::super::environment::peers_folder().join(file)).unwrap();
        let scripts: String =
            ["kernels.py", "losses.py", "audio.py", "series.py", "text.py", "augment.py", "loading.py", "steps.py"]
                .map(read)
                .concat();
        for case in ALL {
            // Names that a script puts together from sizes are left out.
            let made = ["conv/3x3-", "matmul/", "attention/"].iter().any(|kind| case.name.starts_with(kind));
            let name = case.name.trim_end_matches("-bf16");
            assert!(made || scripts.contains(&format!("\"{name}\"")), "no script has {name}");
        }
    }
}
