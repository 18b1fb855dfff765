//! Promises of the training loop: bit-exact resume, signals, kills, refused updates.
//!
//! Child processes are this test binary run again with one test and an environment
//! variable; they meet their parent on pipes, never by waiting for a time.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use candle_core::Tensor;

use super::{
    toy::{Points, PointsSource, classify, predict},
    *,
};
use crate::{Error, Result, method::Overrides, optim::Groups};

const STEPS: u64 = 20; // 24 samples in batches of 8: an epoch is 3 steps

fn config() -> TrainConfig {
    TrainConfig {
        seed: 11,
        steps: Some(STEPS),
        log_every: 2,
        monitor_every: 5,
        checkpoint_seconds: 1e9,
        max_bad: 0.2,
        ..Default::default()
    }
}

struct World {
    modality: Points,
    source: PointsSource,
    rows: Vec<usize>,
}

impl World {
    fn new() -> Self {
        let mut source = PointsSource::new(26, 4);
        source.broken = vec![3];
        Self { modality: Points::new(4), source, rows: (0..24).collect() }
    }

    fn setup<'a>(&'a self, config: TrainConfig, run: Option<&'a RunDir>) -> Setup<'a, Points> {
        Setup { run, ..Setup::new(&self.modality, &self.source, &self.rows, predict(), config) }
    }

    fn trainer<'a>(&'a self, config: TrainConfig, run: Option<&'a RunDir>) -> Trainer<'a, Points> {
        Trainer::new(self.setup(config, run)).unwrap()
    }
}

/// True from its `calls`-th call on: with it a run does `calls` steps.
fn after(calls: u64) -> impl Fn() -> bool {
    let seen = AtomicU64::new(0);
    move || seen.fetch_add(1, Ordering::SeqCst) >= calls
}

fn bits(trainer: &Trainer<Points>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (part, tensors) in trainer.capture().unwrap().parts {
        for (name, tensor) in tensors {
            let bytes =
                super::checkpoint::tensors_to_bytes(Path::new(""), &[("t".to_string(), tensor)].into()).unwrap();
            all.insert(format!("{part}/{name}"), blake3::hash(&bytes).to_hex().to_string());
        }
    }
    all
}

/// The tensors of the newest checkpoint, the log and the exported encoder of a finished run.
fn remains(dir: &Path) -> (u64, BTreeMap<String, Vec<u8>>, Vec<u8>, Vec<u8>) {
    let store = CheckpointStore::new(dir.join("checkpoints"), Files::default());
    let last = store.latest().unwrap().unwrap().checkpoint;
    let parts = last
        .parts
        .iter()
        .map(|(part, tensors)| (part.clone(), super::checkpoint::tensors_to_bytes(dir, tensors).unwrap()))
        .collect();
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    (last.step, parts, read("metrics.jsonl"), read("encoder/model.safetensors"))
}

fn whole_run(config: TrainConfig) -> (u64, BTreeMap<String, Vec<u8>>, Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::open(dir.path(), Existing::Refuse).unwrap();
    World::new().trainer(config, Some(&run)).run(&mut Quiet).unwrap();
    remains(dir.path())
}

#[test]
fn a_run_learns_and_tells_what_it_did() {
    let world = World::new();
    let mut trainer = world.trainer(TrainConfig { steps: Some(150), ..config() }, None);
    let summary = trainer.run(&mut Quiet).unwrap();
    assert_eq!((summary.steps, summary.stopped), (150, Stopped::Completed));
    assert_eq!(summary.epochs, 50.0);
    assert!(summary.loss < 0.5 * summary.history[0].1, "{:?}", summary.history);
    assert_eq!(summary.skipped.len(), 1);
    assert_eq!(summary.health.unwrap().verdict, Verdict::Healthy);
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_loader_threads() {
    let world = World::new();
    let run = |config: TrainConfig| {
        let mut trainer = world.trainer(config, None);
        trainer.run(&mut Quiet).unwrap();
        bits(&trainer)
    };
    let one = run(TrainConfig { workers: 1, ..config() });
    assert_eq!(one, run(TrainConfig { workers: 3, prefetch: 5, ..config() }));
    assert_eq!(one, run(config()));
    assert_ne!(one, run(TrainConfig { seed: 12, ..config() }));
}

#[test]
fn a_run_resumed_twice_in_mid_epoch_and_at_its_border_has_the_bits_of_an_uninterrupted_one() {
    let expected = whole_run(config());
    assert_eq!(expected.0, STEPS);
    for stops in [vec![7, 5], vec![3, 3], vec![1, 18], vec![12], vec![0, 4]] {
        let dir = tempfile::tempdir().unwrap();
        for &calls in &stops {
            let run = RunDir::open(dir.path(), Existing::Resume).unwrap();
            let world = World::new();
            let mut trainer = world.trainer(config(), Some(&run)).with_stop(after(calls));
            trainer.resume().unwrap();
            assert_eq!(trainer.run(&mut Quiet).unwrap().stopped, Stopped::Deadline);
        }
        let run = RunDir::open(dir.path(), Existing::Resume).unwrap();
        let world = World::new();
        let mut trainer = world.trainer(config(), Some(&run));
        assert_eq!(trainer.resume().unwrap().0, Some(stops.iter().sum()));
        trainer.run(&mut Quiet).unwrap();
        assert_eq!(remains(dir.path()), expected, "stops {stops:?}");
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_and_the_run_still_ends_with_the_same_bits() {
    let expected = whole_run(config());
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let config = TrainConfig { checkpoint_steps: Some(4), keep: 2, ..config() };
    let run = RunDir::open(dir.path(), Existing::Refuse).unwrap();
    world.trainer(config.clone(), Some(&run)).with_stop(after(10)).run(&mut Quiet).unwrap();
    fs::write(run.checkpoints().join("step-10/model.safetensors"), b"cut").unwrap();
    let mut trainer = world.trainer(config, Some(&run));
    let (step, ignored) = trainer.resume().unwrap();
    assert_eq!((step, ignored.len()), (Some(8), 1));
    trainer.run(&mut Quiet).unwrap();
    assert_eq!(remains(dir.path()), expected);
}

#[test]
fn a_checkpoint_of_other_settings_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::open(dir.path(), Existing::Refuse).unwrap();
    let world = World::new();
    world.trainer(config(), Some(&run)).with_stop(after(2)).run(&mut Quiet).unwrap();
    let mut other = world.trainer(TrainConfig { lr: Some(0.5), ..config() }, Some(&run));
    let message = other.resume().unwrap_err().to_string();
    assert!(message.contains("other settings of: training"), "{message}");
    let message = world.trainer(config(), Some(&run)).run(&mut Quiet).unwrap_err().to_string();
    assert!(message.contains("holds checkpoints of an earlier run"), "{message}");
}

#[test]
fn a_loss_that_is_not_finite_changes_nothing_and_too_many_of_them_stop_the_run() {
    let world = World::new();
    let poisoned = |steps: &str| Overrides(format!("poison = {steps}").parse().unwrap());
    let run = |overrides: Overrides, calls: u64| -> (Result<Summary>, BTreeMap<String, String>) {
        let mut trainer =
            Trainer::new(Setup { overrides, ..world.setup(config(), None) }).unwrap().with_stop(after(calls));
        let summary = trainer.run(&mut Quiet);
        (summary, bits(&trainer))
    };
    let (_, mut before) = run(poisoned("[5]"), 5);
    let (summary, mut refused) = run(poisoned("[5]"), 6);
    assert_eq!(summary.unwrap().steps, 6);
    // The teacher's statistics are copied from the student at its next update.
    before.retain(|name, _| name != "method/teacher.fc1.running_mean");
    refused.retain(|name, _| name != "method/teacher.fc1.running_mean");
    assert_eq!(before, refused);
    assert!(run(poisoned("[5, 6, 7]"), STEPS).0.is_ok());
    match run(poisoned("[5, 6, 7, 9]"), STEPS).0 {
        Err(Error::Diverged { step, reason }) => {
            assert_eq!(step, 9);
            assert!(reason.contains("the loss is NaN") && reason.contains("4 times"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_collapse_is_warned_of_loudly() {
    #[derive(Default)]
    struct Notes(Vec<String>);
    impl Observer for Notes {
        fn note(&mut self, level: Level, message: &str) {
            self.0.push(format!("{level:?} {message}"));
        }
    }
    let world = World::new();
    let overrides = Overrides("shrink = 100.0".parse().unwrap());
    let config = TrainConfig { steps: Some(600), lr: Some(0.02), ..config() };
    let mut notes = Notes::default();
    let mut trainer = Trainer::new(Setup { overrides, ..world.setup(config, None) }).unwrap();
    let health = trainer.run(&mut notes).unwrap().health.unwrap();
    assert_ne!(health.verdict, Verdict::Healthy, "{health:?}");
    assert!(notes.0.iter().any(|n| n.starts_with("Warning") && n.contains("COLLAPSE")), "{:?}", notes.0);
}

#[test]
fn supervised_training_sees_labels_and_fine_tuning_starts_from_given_weights() {
    let world = World::new();
    let pretrained = world.trainer(config(), None).params().pp("encoder").snapshot().unwrap();
    let config = TrainConfig { steps: Some(200), groups: Groups::one("encoder", 0.0), ..config() };
    let setup = Setup { encoder: Some(pretrained.clone()), method: classify(), ..world.setup(config, None) };
    let mut trainer = Trainer::new(setup).unwrap();
    let summary = trainer.run(&mut Quiet).unwrap();
    assert!(summary.loss < 0.5 * summary.history[0].1, "{:?}", summary.history);
    let after = trainer.params().pp("encoder").snapshot().unwrap();
    let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(&after["fc1.weight"]), values(&pretrained["fc1.weight"]));
}

#[test]
fn measuring_the_throughput_leaves_the_run_as_it_was() {
    let world = World::new();
    let mut trainer = world.trainer(config(), None);
    let before = bits(&trainer);
    let clock = std::sync::Arc::new(ManualClock::ticking(1000));
    trainer = trainer.with_clock(clock);
    let rate = trainer.measure(4).unwrap();
    assert_eq!(rate, Rate { seconds_per_step: 0.25, samples_per_second: 32.0 });
    assert_eq!(bits(&trainer), before);
    assert_eq!(trainer.step(), 0);
}

#[test]
fn too_many_bad_samples_stop_the_run_with_their_names() {
    let mut world = World::new();
    world.source.broken = (0..10).collect();
    let message = world.trainer(config(), None).run(&mut Quiet).unwrap_err().to_string();
    assert!(message.contains("of 24 samples") && message.contains("row "), "{message}");
}

#[test]
fn a_full_disk_ends_the_run_with_one_sentence_and_loses_nothing() {
    struct FullAfter(AtomicUsize);
    impl Fault for FullAfter {
        fn before(&self, _: Operation, _: &Path) -> std::io::Result<()> {
            if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            Ok(())
        }
    }
    let expected = whole_run(config());
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::open(dir.path(), Existing::Refuse).unwrap();
    let world = World::new();
    let config = TrainConfig { checkpoint_steps: Some(6), ..config() };
    let files = Files::with_fault(std::sync::Arc::new(FullAfter(AtomicUsize::new(12))));
    let message = world.trainer(config.clone(), Some(&run)).with_files(files).run(&mut Quiet).unwrap_err().to_string();
    assert!(message.contains("no space is left") && message.contains("--resume"), "{message}");
    let mut trainer = world.trainer(config, Some(&run));
    assert_eq!(trainer.resume().unwrap().0, Some(6));
    trainer.run(&mut Quiet).unwrap();
    assert_eq!(remains(dir.path()), expected);
}

// ---- child processes -------------------------------------------------------------------

const CHILD: &str = "MANABI_TRAIN_TEST";

fn child_config() -> TrainConfig {
    TrainConfig { checkpoint_steps: Some(5), ..config() }
}

/// Prints `at N` and waits for a line at step `N`.
struct PauseAt<'a> {
    step: u64,
    kind: &'a str,
    signals: &'a Signals,
}

fn meet(word: &str) {
    println!("meet {word}");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

impl Observer for PauseAt<'_> {
    fn step(&mut self, report: &StepReport) {
        if report.step == self.step {
            if self.kind == "twice" {
                signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
            }
            meet("step");
            // A signal that was sent may be delivered a little later.
            while self.kind == "term" && self.signals.received().is_none() {
                std::thread::yield_now();
            }
        }
    }
}

/// Waits in front of the `0`-th file operation.
struct PauseBefore(u64, AtomicU64);

impl Fault for PauseBefore {
    fn before(&self, _: Operation, _: &Path) -> std::io::Result<()> {
        if self.1.fetch_add(1, Ordering::SeqCst) == self.0 {
            meet("operation");
        }
        Ok(())
    }
}

/// The child's side; does nothing when the tests run as usual.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let (order, dir) = order.split_once(' ').unwrap();
    let (kind, at) = order.split_once(':').unwrap();
    let at: u64 = at.parse().unwrap();
    let run = RunDir::open(dir, Existing::Resume).unwrap();
    let signals = Signals::register().unwrap();
    let world = World::new();
    let mut trainer = world.trainer(child_config(), Some(&run)).with_signals(&signals);
    if kind == "operation" {
        trainer = trainer.with_files(Files::with_fault(std::sync::Arc::new(PauseBefore(at, AtomicU64::new(0)))));
    }
    trainer.resume().unwrap();
    let step = if kind == "operation" { 0 } else { at };
    match trainer.run(&mut PauseAt { step, kind, signals: &signals }) {
        Ok(_) => std::process::exit(0),
        Err(Error::Interrupted { signal, .. }) => std::process::exit(128 + signal),
        Err(e) => panic!("{e}"),
    }
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

fn spawn(order: &str, dir: &Path) -> Running {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "train::tests::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{order} {}", dir.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Running { child, stdin, stdout }
}

impl Running {
    fn wait_for_meeting(&mut self) {
        let mut line = String::new();
        while !line.contains("meet ") {
            line.clear();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the child ended before the meeting");
        }
    }

    fn send_term(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Lets it go on and gives its exit code.
    fn finish(mut self) -> Option<i32> {
        let _ = self.stdin.write_all(b"\n");
        let mut rest = String::new();
        let _ = self.stdout.read_to_string(&mut rest);
        self.child.wait().unwrap().code()
    }
}

#[cfg(unix)]
#[test]
fn sigterm_saves_and_the_resumed_run_has_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = spawn("term:8", dir.path());
    running.wait_for_meeting();
    running.send_term();
    assert_eq!(running.finish(), Some(143));
    let store = CheckpointStore::new(dir.path().join("checkpoints"), Files::default());
    assert_eq!(store.latest().unwrap().unwrap().checkpoint.step, 8);
    assert_eq!(spawn("step:0", dir.path()).finish(), Some(0));
    assert_eq!(remains(dir.path()), whole_run(child_config()));
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_process_at_once_and_unsaved() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = spawn("twice:8", dir.path());
    running.wait_for_meeting();
    running.send_term();
    assert_eq!(running.child.wait().unwrap().code(), Some(143));
    let store = CheckpointStore::new(dir.path().join("checkpoints"), Files::default());
    assert_eq!(store.latest().unwrap().unwrap().checkpoint.step, 5);
}

#[cfg(unix)]
#[test]
fn a_killed_run_loses_at_most_an_interval_wherever_the_kill_falls() {
    let expected = whole_run(child_config());
    let dir = tempfile::tempdir().unwrap();
    for order in ["step:2", "step:8", "operation:3", "operation:6", "operation:8", "operation:11", "step:19"] {
        let mut running = spawn(order, dir.path());
        running.wait_for_meeting();
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
    assert_eq!(spawn("step:0", dir.path()).finish(), Some(0));
    assert_eq!(remains(dir.path()), expected);
    let left: Vec<_> = fs::read_dir(dir.path().join("checkpoints")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().starts_with('.')), "{left:?}");
}
