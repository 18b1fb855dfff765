//! The trained encoder as other tools expect it: `config.json` and `model.safetensors`.
//!
//! Parameter names are the encoder's own (those of timm and Hugging Face). The card holds
//! the checksum of the weights, so a half-replaced folder is refused.

use std::{collections::BTreeMap, fs, path::Path};

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{
    checkpoint::{from_bytes, tensors_to_bytes},
    files::Files,
};
use crate::{Error, Result, modality::Companions};

/// What one must know to use the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderCard {
    /// Layout of this folder.
    pub manabi_format: u32,
    /// The fixed word of the modality.
    pub modality: String,
    /// The modality's resolved settings: encoder, sizes, normalisation.
    pub settings: serde_json::Value,
    /// Feature width.
    pub num_features: usize,
    /// The method that trained it.
    pub method: String,
    /// Steps of training.
    pub steps: u64,
    /// Samples that it was trained on.
    pub samples: usize,
    /// BLAKE3 of `model.safetensors`.
    pub weights: String,
    /// Fields that other tools read.
    #[serde(flatten)]
    pub others: serde_json::Map<String, serde_json::Value>,
}

/// Writes the encoder's weights, what lies beside them, and the card into `folder`.
pub fn write_encoder(
    folder: &Path,
    mut card: EncoderCard,
    weights: &BTreeMap<String, Tensor>,
    companions: Companions,
    files: &Files,
) -> Result<()> {
    files.create_dir(folder)?;
    card.others = companions.fields;
    for (name, bytes) in &companions.files {
        files.write_atomic(&folder.join(name), bytes)?;
    }
    let bytes = tensors_to_bytes(folder, weights)?;
    card.weights = blake3::hash(&bytes).to_hex().to_string();
    let json = serde_json::to_vec_pretty(&card).map_err(|e| Error::file(folder, e.to_string()))?;
    files.write_atomic(&folder.join("model.safetensors"), &bytes)?;
    files.write_atomic(&folder.join("config.json"), &json)
}

/// Reads a folder of [`write_encoder`] and checks the weights.
pub fn read_encoder(folder: &Path) -> Result<(EncoderCard, BTreeMap<String, Tensor>)> {
    let (card_path, weights_path) = (folder.join("config.json"), folder.join("model.safetensors"));
    let json = fs::read(&card_path).map_err(|e| Error::io(&card_path, e))?;
    let card: EncoderCard = serde_json::from_slice(&json)
        .map_err(|e| Error::file(&card_path, format!("is not an encoder's config.json: {e}")))?;
    if card.manabi_format != 1 {
        return Err(Error::file(
            &card_path,
            format!("format {} is not known; this version reads 1", card.manabi_format),
        ));
    }
    let bytes = fs::read(&weights_path).map_err(|e| Error::io(&weights_path, e))?;
    let found = blake3::hash(&bytes).to_hex().to_string();
    if found != card.weights {
        return Err(Error::file(
            &weights_path,
            format!(
                "its checksum {found} is not the {} of config.json: the file is damaged or of another run",
                card.weights
            ),
        ));
    }
    let tensors = from_bytes(&weights_path, &bytes)?;
    Ok((card, tensors))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::nn::{Init, Params, Role};

    fn card() -> EncoderCard {
        EncoderCard {
            manabi_format: 1,
            modality: "points".into(),
            settings: serde_json::json!({ "width": 4 }),
            num_features: 8,
            method: "toy".into(),
            steps: 10,
            samples: 100,
            weights: String::new(),
            others: serde_json::Map::new(),
        }
    }

    #[test]
    fn an_encoder_comes_back_as_it_was_and_a_damaged_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let params = Params::new(4, &Device::Cpu);
        params.pp("encoder").get("fc.weight", (2, 3), Init::FanIn, Role::Weight).unwrap();
        let mut companions = Companions::default();
        companions.fields.insert("hidden_size".into(), 8.into());
        companions.files.insert("words.json".into(), b"{}".to_vec());
        let weights = params.pp("encoder").snapshot().unwrap();
        write_encoder(dir.path(), card(), &weights, companions.clone(), &Files::default()).unwrap();
        let (read, tensors) = read_encoder(dir.path()).unwrap();
        assert_eq!(EncoderCard { weights: String::new(), ..read }, EncoderCard { others: companions.fields, ..card() });
        assert_eq!(fs::read(dir.path().join("words.json")).unwrap(), b"{}");
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["fc.weight"]);
        params.pp("encoder").load(&tensors).unwrap();
        let path = dir.path().join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(read_encoder(dir.path()).unwrap_err().to_string().contains("damaged"));
    }
}
