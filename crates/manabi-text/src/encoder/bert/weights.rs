//! Weights of a pre-trained encoder: `model.safetensors`, whoever wrote it.
//!
//! A checkpoint of a larger model holds the encoder below a prefix (`bert.`), and beside it what no encoder here has (a
//! pooler, heads, running numbers of places): the prefix is taken off, the rest left aside. What the encoder needs must
//! all be there, in the right shapes: what is wrong is listed by name.

use std::{collections::BTreeMap, path::Path};

use candle_core::{DType, Device, Tensor};
use manabi_core::{Error, Result, nn::Params};

use super::{Bert, BertConfig};

/// Prefixes of encoders within larger models.
const PREFIXES: [&str; 5] = ["bert.", "distilbert.", "mpnet.", "model.", "0.auto_model."];

/// The weights of the encoder `config` that lie in `folder`, by the names that the encoder has for them.
///
/// # Errors
/// If the file is missing or damaged, or a tensor is missing or of another shape; the message lists them.
pub fn read(folder: &Path, config: &BertConfig) -> Result<BTreeMap<String, Tensor>> {
    let path = folder.join("model.safetensors");
    if !path.is_file() {
        let other = ["pytorch_model.bin", "model.bin"].iter().find(|name| folder.join(name).is_file());
        let remedy = match other {
            Some(name) => format!("only {name}, which runs code when it is read; save it again as safetensors"),
            None => "a pre-trained encoder needs its weights there".into(),
        };
        return Err(Error::file(folder, format!("there is no model.safetensors; {remedy}")));
    }
    let file = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
    let found = candle_core::safetensors::load_buffer(&file, &Device::Cpu)
        .map_err(|e| Error::file(&path, format!("is no safetensors file, or damaged: {e}")))?;
    drop(file);
    select(found, config).map_err(|reason| Error::file(&path, reason))
}

/// The encoder's tensors among those that were found.
fn select(
    found: impl IntoIterator<Item = (String, Tensor)>,
    config: &BertConfig,
) -> std::result::Result<BTreeMap<String, Tensor>, String> {
    let found: BTreeMap<String, Tensor> = found.into_iter().collect();
    let params = Params::new(0, &Device::Cpu);
    Bert::new(&params, *config).map_err(|e| e.to_string())?;
    let named = params.named();
    let key = "embeddings.word_embeddings.weight";
    let prefix = std::iter::once("").chain(PREFIXES).find(|prefix| found.contains_key(&format!("{prefix}{key}")));
    let Some(prefix) = prefix else { return Err(format!("there is no tensor {key}, under any known prefix")) };
    let (mut chosen, mut wrong) = (BTreeMap::new(), Vec::new());
    for (name, var, _) in named {
        // Old checkpoints call a layer norm's scale and shift by Greek letters.
        let old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        let tensor = found.get(&format!("{prefix}{name}")).or_else(|| found.get(&format!("{prefix}{old}")));
        match tensor {
            None => wrong.push(format!("{name} is missing")),
            Some(t) if t.shape() != var.shape() => {
                wrong.push(format!("{name} has shape {:?} instead of {:?}", t.dims(), var.dims()));
            }
            Some(t) => match t.to_dtype(DType::F32) {
                Ok(t) => {
                    chosen.insert(name, t);
                }
                Err(e) => wrong.push(format!("{name}: {e}")),
            },
        }
    }
    if wrong.is_empty() {
        return Ok(chosen);
    }
    let more = wrong.len().saturating_sub(8);
    wrong.truncate(8);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(format!("these weights do not fit config.json: {}{rest}", wrong.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (BertConfig, BTreeMap<String, Tensor>) {
        let config = BertConfig::scratch(20, 8, 1, 8, 2);
        let params = Params::new(3, &Device::Cpu);
        Bert::new(&params, config).unwrap();
        (config, params.snapshot().unwrap())
    }

    #[test]
    fn prefixes_and_old_names_are_understood_and_what_is_beside_is_left() {
        let (config, tensors) = small();
        let old = |name: &str| {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        };
        let mut found: Vec<(String, Tensor)> =
            tensors.iter().map(|(name, t)| (format!("bert.{}", old(name)), t.clone())).collect();
        found.push(("cls.predictions.bias".into(), Tensor::zeros(20, DType::F32, &Device::Cpu).unwrap()));
        let chosen = select(found, &config).unwrap();
        assert_eq!(chosen.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_missing_or_of_another_shape_is_listed_by_name() {
        let (config, mut tensors) = small();
        tensors.remove("encoder.layer.0.output.dense.bias");
        tensors.insert(
            "embeddings.position_embeddings.weight".into(),
            Tensor::zeros((4, 8), DType::F32, &Device::Cpu).unwrap(),
        );
        let reason = select(tensors, &config).unwrap_err();
        assert!(reason.contains("encoder.layer.0.output.dense.bias is missing"), "{reason}");
        assert!(reason.contains("position_embeddings.weight has shape [4, 8] instead of [8, 8]"), "{reason}");
    }

    #[test]
    fn a_folder_without_weights_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let (config, _) = small();
        let message = read(dir.path(), &config).unwrap_err().to_string();
        assert!(message.contains("there is no model.safetensors"), "{message}");
        std::fs::write(dir.path().join("model.safetensors"), b"nothing").unwrap();
        assert!(read(dir.path(), &config).unwrap_err().to_string().contains("damaged"));
    }
}
