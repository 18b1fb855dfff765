//! Checkpoints that are complete or ignored.
//!
//! `checkpoints/step-N/` holds one safetensors file a part (`model`, `optimizer`, `method`),
//! `state.json` and, written last, `manifest.json` with the size and BLAKE3 of each file.
//! Everything goes to `.tmp-step-N-PID` first, is synced, and is renamed as a whole. A
//! folder without a manifest that fits its files is not a checkpoint: [`CheckpointStore::latest`]
//! falls back to the one before. Older ones go only after the new one was read back.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::files::{Files, explain};
use crate::{Error, Result};

/// Named tensors of one part.
pub type Tensors = BTreeMap<String, Tensor>;

/// Everything that a run needs to go on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// What the run was started with: a hash of the configuration.
    pub config: String,
    /// The tensors, by part.
    pub parts: BTreeMap<String, Tensors>,
    /// Position, counters, smoothed figures, as JSON.
    pub state: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    step: u64,
    config: String,
    files: Vec<FileEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    name: String,
    bytes: u64,
    blake3: String,
}

/// The newest usable checkpoint and what was passed over.
#[derive(Debug)]
pub struct Found {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// A sentence for each newer one that could not be used.
    pub ignored: Vec<String>,
}

/// The `checkpoints/` folder of one run.
#[derive(Clone)]
pub struct CheckpointStore {
    dir: PathBuf,
    files: Files,
}

impl CheckpointStore {
    /// The checkpoints in `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>, files: Files) -> Self {
        Self { dir: dir.into(), files }
    }

    /// Saves; afterwards `step-N` is complete and durable, or everything is as it was.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf> {
        let target = self.path(checkpoint.step);
        if target.exists() {
            if read(&target).is_ok_and(|found| found.config == checkpoint.config) {
                return Ok(target);
            }
            // A damaged or foreign one of the same step: out of the way, then gone.
            let aside = self.dir.join(format!(".bad-step-{}-{}", checkpoint.step, std::process::id()));
            self.files.rename(&target, &aside)?;
            self.files.remove_dir(&aside)?;
        }
        let scratch = self.dir.join(format!(".tmp-step-{}-{}", checkpoint.step, std::process::id()));
        if scratch.exists() {
            self.files.remove_dir(&scratch)?;
        }
        self.files.create_dir(&scratch)?;
        let written = self.write(&scratch, checkpoint).and_then(|()| self.files.rename(&scratch, &target));
        if written.is_err() {
            let _ = fs::remove_dir_all(&scratch);
        }
        written?;
        self.files.sync_dir(&self.dir)?;
        read(&target)?;
        Ok(target)
    }

    fn write(&self, folder: &Path, checkpoint: &Checkpoint) -> Result<()> {
        let mut files = Vec::new();
        let mut put = |name: String, bytes: &[u8]| {
            self.files.write_new(&folder.join(&name), bytes)?;
            let blake3 = blake3::hash(bytes).to_hex().to_string();
            files.push(FileEntry { name, bytes: bytes.len() as u64, blake3 });
            Ok::<(), Error>(())
        };
        for (part, tensors) in &checkpoint.parts {
            put(format!("{part}.safetensors"), &tensors_to_bytes(folder, tensors)?)?;
        }
        put("state.json".into(), checkpoint.state.as_bytes())?;
        let manifest = Manifest { format: 1, step: checkpoint.step, config: checkpoint.config.clone(), files };
        let json = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::file(folder, e.to_string()))?;
        self.files.write_new(&folder.join("manifest.json"), &json)?;
        self.files.sync_dir(folder)
    }

    /// Steps of the folders that look like checkpoints, ascending.
    pub fn steps(&self) -> Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(explain(&self.dir, e)),
        };
        let mut steps: Vec<u64> =
            entries.filter_map(|e| e.ok()?.file_name().to_str()?.strip_prefix("step-")?.parse().ok()).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// The newest complete checkpoint; `None` if the run never saved one. Damaged ones are
    /// passed over; it is an error when nothing but damaged ones are there.
    pub fn latest(&self) -> Result<Option<Found>> {
        let mut ignored = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match read(&self.path(step)) {
                Ok(checkpoint) => return Ok(Some(Found { checkpoint, ignored })),
                Err(e) => ignored.push(e.to_string()),
            }
        }
        if ignored.is_empty() {
            return Ok(None);
        }
        Err(Error::file(
            &self.dir,
            format!("no checkpoint is usable; start anew with --overwrite: {}", ignored.join("; ")),
        ))
    }

    /// The checkpoint of `step`, checked.
    pub fn load(&self, step: u64) -> Result<Checkpoint> {
        read(&self.path(step))
    }

    /// Keeps `current`, which was just saved, the `last - 1` before it and `best`; removes the others of
    /// `config` and what an interrupted save left behind. Never removes what it does not recognise as its own.
    ///
    /// One of a later step can only be a damaged one that a resume passed over: it goes too,
    /// and does not count among the last.
    pub fn retain(&self, config: &str, current: u64, last: usize, best: Option<u64>) -> Result<()> {
        let own: Vec<u64> = self
            .steps()?
            .into_iter()
            .filter(|&step| manifest(&self.path(step)).is_ok_and(|m| m.config == config))
            .collect();
        let (past, later): (Vec<u64>, Vec<u64>) = own.into_iter().partition(|&step| step <= current);
        for &step in later.iter().chain(past.iter().rev().skip(last.max(1))) {
            if Some(step) != best {
                self.files.remove_dir(&self.path(step))?;
            }
        }
        self.clean()
    }

    /// Removes what an interrupted save left behind. Only the process that holds the run's lock may.
    pub fn clean(&self) -> Result<()> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(".tmp-step-") || name.starts_with(".bad-step-") {
                self.files.remove_dir(&entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, step: u64) -> PathBuf {
        self.dir.join(format!("step-{step}"))
    }
}

fn manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join("manifest.json");
    let bytes = fs::read(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::file(folder, "has no manifest.json: its writing was interrupted"),
        _ => Error::io(&path, e),
    })?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| Error::file(&path, e.to_string()))?;
    if manifest.format != 1 {
        return Err(Error::file(
            &path,
            format!("format {} is not known; this version reads format 1", manifest.format),
        ));
    }
    Ok(manifest)
}

fn read(folder: &Path) -> Result<Checkpoint> {
    let manifest = manifest(folder)?;
    let mut checkpoint =
        Checkpoint { step: manifest.step, config: manifest.config, parts: BTreeMap::new(), state: String::new() };
    for entry in &manifest.files {
        let path = folder.join(&entry.name);
        if Path::new(&entry.name).components().count() != 1 {
            return Err(Error::file(&path, "is not a plain file name"));
        }
        let size = fs::metadata(&path).map_err(|e| Error::io(&path, e))?.len();
        if size != entry.bytes {
            return Err(Error::file(&path, format!("has {size} bytes instead of {}", entry.bytes)));
        }
        let bytes = fs::read(&path).map_err(|e| Error::io(&path, e))?;
        if blake3::hash(&bytes).to_hex().as_str() != entry.blake3 {
            return Err(Error::file(&path, "its content does not fit its checksum: the file is damaged"));
        }
        match entry.name.strip_suffix(".safetensors") {
            Some(part) => {
                checkpoint.parts.insert(part.to_string(), from_bytes(&path, &bytes)?);
            }
            None => {
                checkpoint.state = String::from_utf8(bytes).map_err(|e| Error::file(&path, e.to_string()))?;
            }
        }
    }
    Ok(checkpoint)
}

/// Named tensors as a safetensors file, readable by PyTorch.
pub fn tensors_to_bytes(path: &Path, tensors: &Tensors) -> Result<Vec<u8>> {
    let note = [("format".to_string(), "pt".to_string())].into();
    safetensors::serialize(tensors.iter().map(|(k, v)| (k.as_str(), v)), Some(note))
        .map_err(|e| Error::file(path, e.to_string()))
}

/// The named tensors of a safetensors file.
pub(super) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Tensors> {
    let map = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)
        .map_err(|e| Error::file(path, format!("is not a safetensors file: {e}")))?;
    Ok(map.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::train::files::tests::FailFrom;

    fn checkpoint(step: u64) -> Checkpoint {
        let t = Tensor::new(&[step as f32, 1.0, 2.0], &Device::Cpu).unwrap();
        let tensors: Tensors = [("w".to_string(), t)].into();
        Checkpoint {
            step,
            config: "c".into(),
            parts: [("model".to_string(), tensors.clone()), ("method".to_string(), tensors)].into(),
            state: format!("{{\"step\":{step}}}"),
        }
    }

    fn value(found: &Checkpoint) -> f32 {
        found.parts["model"]["w"].to_vec1::<f32>().unwrap()[0]
    }

    fn store(dir: &Path) -> CheckpointStore {
        CheckpointStore::new(dir.join("checkpoints"), Files::default())
    }

    #[test]
    fn whichever_call_of_a_save_fails_the_newest_whole_checkpoint_is_found() {
        let counting = FailFrom::new(usize::MAX);
        let dir = tempfile::tempdir().unwrap();
        CheckpointStore::new(dir.path(), Files::with_fault(counting.clone())).save(&checkpoint(1)).unwrap();
        let calls = counting.seen.load(Ordering::SeqCst);
        assert!(calls >= 8, "{calls}");
        for at in 0..calls {
            let dir = tempfile::tempdir().unwrap();
            let good = store(dir.path());
            good.save(&checkpoint(1)).unwrap();
            let failing = CheckpointStore::new(dir.path().join("checkpoints"), Files::with_fault(FailFrom::new(at)));
            let error = failing.save(&checkpoint(2)).unwrap_err().to_string();
            assert!(error.contains("no space is left") && error.contains("checkpoints"), "{error}");
            let found = good.latest().unwrap().unwrap().checkpoint;
            assert!(found.step == 1 || (found.step == 2 && at == calls - 1), "call {at} left step {}", found.step);
            assert_eq!(value(&found), found.step as f32);
            good.save(&checkpoint(2)).unwrap();
            assert_eq!(good.latest().unwrap().unwrap().checkpoint.step, 2);
        }
    }

    #[test]
    fn a_folder_that_was_cut_short_or_damaged_is_passed_over() {
        let breaks: [fn(&Path); 4] = [
            |f| fs::remove_file(f.join("manifest.json")).unwrap(),
            |f| fs::write(f.join("manifest.json"), b"{").unwrap(),
            |f| {
                let path = f.join("model.safetensors");
                let mut bytes = fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(path, bytes).unwrap();
            },
            |f| {
                let path = f.join("method.safetensors");
                let bytes = fs::read(&path).unwrap();
                fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
            },
        ];
        for damage in breaks {
            let dir = tempfile::tempdir().unwrap();
            let store = store(dir.path());
            store.save(&checkpoint(1)).unwrap();
            damage(&store.save(&checkpoint(2)).unwrap());
            let found = store.latest().unwrap().unwrap();
            assert_eq!((found.checkpoint.step, found.ignored.len()), (1, 1));
            damage(&dir.path().join("checkpoints/step-1"));
            assert!(store.latest().unwrap_err().to_string().contains("--overwrite"));
        }
    }

    #[test]
    fn the_last_and_the_best_are_kept_and_foreign_folders_stay() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        for step in 1..=4 {
            store.save(&checkpoint(step)).unwrap();
        }
        store.save(&Checkpoint { config: "another run".into(), ..checkpoint(0) }).unwrap();
        fs::create_dir(dir.path().join("checkpoints/step-3000000")).unwrap();
        fs::create_dir(dir.path().join("checkpoints/notes")).unwrap();
        fs::create_dir(dir.path().join("checkpoints/.tmp-step-9-1")).unwrap();
        store.retain("c", 4, 1, Some(2)).unwrap();
        assert_eq!(store.steps().unwrap(), [0, 2, 4, 3_000_000]);
        assert!(dir.path().join("checkpoints/notes").exists());
        assert!(!dir.path().join("checkpoints/.tmp-step-9-1").exists());
    }

    #[test]
    fn a_damaged_later_one_never_takes_the_place_of_a_good_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        for step in [8, 10, 9] {
            store.save(&checkpoint(step)).unwrap();
        }
        fs::write(dir.path().join("checkpoints/step-10/model.safetensors"), b"cut").unwrap();
        store.retain("c", 9, 1, None).unwrap();
        assert_eq!(store.steps().unwrap(), [9]);
        assert_eq!(store.latest().unwrap().unwrap().checkpoint.step, 9);
    }

    #[test]
    fn nothing_saved_is_not_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(store(dir.path()).latest().unwrap().is_none());
    }
}
