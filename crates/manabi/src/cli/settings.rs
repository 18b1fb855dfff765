//! `--set key=value` and `--config FILE` become one table: `[method]`, `[train]`, `[data]`.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// The sections that a key may name; a key without one is the method's.
const SECTIONS: [&str; 3] = ["method", "train", "data"];

/// Settings of the three parties, as TOML tables over their defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The method's.
    pub method: toml::Table,
    /// The trainer's.
    pub train: toml::Table,
    /// The modality's.
    pub data: toml::Table,
}

impl Settings {
    /// Adds `key=value`; the value is TOML, or a bare word.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((key, value)) = assignment.split_once('=') else {
            bail!("--set {assignment}: write it as key=value");
        };
        let (section, name) = match key.trim().split_once('.') {
            Some((section, name)) if SECTIONS.contains(&section) => (section, name),
            Some((section, _)) if !section.is_empty() => {
                bail!("--set {assignment}: there is no section \"{section}\"; known: {}", SECTIONS.join(", "))
            }
            _ => ("method", key.trim()),
        };
        let value = format!("value = {}", value.trim())
            .parse::<toml::Table>()
            .ok()
            .and_then(|mut t| t.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.trim().to_string()));
        let mut table = match section {
            "train" => &mut self.train,
            "data" => &mut self.data,
            _ => &mut self.method,
        };
        // `data.augment.flip=false` reaches into a nested table.
        let mut path: Vec<&str> = name.split('.').collect();
        let Some(last) = path.pop().filter(|l| !l.is_empty()) else {
            bail!("--set {assignment}: write it as key=value");
        };
        for part in path {
            let inner = table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let Some(inner) = inner.as_table_mut() else {
                bail!("--set {assignment}: \"{part}\" is a value, not a group of settings");
            };
            table = inner;
        }
        table.insert(last.to_string(), value);
        Ok(())
    }
}

/// `base` with `over` on top, table by table.
pub fn merge(base: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge(inner, value),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// `defaults` with `over` on top, as a typed configuration; `what` names it in the error.
pub fn resolve<T: serde::Serialize + serde::de::DeserializeOwned>(
    what: &str,
    defaults: &T,
    over: &toml::Table,
) -> Result<T> {
    let mut table = toml::Table::try_from(defaults).with_context(|| format!("settings of {what}"))?;
    let mut over = over.clone();
    widen(&table, &mut over);
    merge(&mut table, &over);
    table.try_into().map_err(|e: toml::de::Error| anyhow::anyhow!("settings of {what}: {}", e.message()))
}

/// `lr=1` is meant as `1.0` where the default is a float.
fn widen(defaults: &toml::Table, over: &mut toml::Table) {
    for (key, value) in over.iter_mut() {
        match (defaults.get(key), &mut *value) {
            (Some(toml::Value::Float(_)), toml::Value::Integer(i)) => *value = toml::Value::Float(*i as f64),
            (Some(toml::Value::Table(defaults)), toml::Value::Table(over)) => widen(defaults, over),
            _ => {}
        }
    }
}

/// Reads a TOML file with a message that names it.
pub fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).map_err(|e| anyhow::anyhow!("{}: {}", path.display(), e.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(assignments: &[&str]) -> Settings {
        let mut settings = Settings::default();
        assignments.iter().for_each(|a| settings.set(a).unwrap());
        settings
    }

    #[test]
    fn a_key_goes_to_its_section_and_without_one_to_the_method() {
        let s = settings(&["temperature=0.5", "train.batch=64", "data.augment.flip=false", "data.encoder=resnet18"]);
        assert_eq!(s.method["temperature"].as_float(), Some(0.5));
        assert_eq!(s.train["batch"].as_integer(), Some(64));
        assert_eq!(s.data["augment"]["flip"].as_bool(), Some(false));
        assert_eq!(s.data["encoder"].as_str(), Some("resnet18"));
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for text in ["temperature", "trane.batch=3", "train.=3"] {
            assert!(Settings::default().set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_lie_over_the_defaults_and_unknown_ones_are_refused() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Config {
            lr: f64,
            batch: usize,
        }
        let over = |text: &str| resolve("training", &Config { lr: 0.1, batch: 8 }, &text.parse().unwrap());
        assert_eq!(over("lr = 1").unwrap(), Config { lr: 1.0, batch: 8 });
        assert!(over("bacth = 1").unwrap_err().to_string().contains("bacth"));
    }
}
