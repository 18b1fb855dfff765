//! `config.json` as Hugging Face's `transformers` writes and reads it, and the pooling that sentence-transformers keeps
//! beside it.

use std::path::Path;

use manabi_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::{BertConfig, Family, Pooling};

/// Larger files are refused.
const MAX_BYTES: u64 = 16 << 20;

/// The JSON object in the file `path`.
fn object(path: &Path) -> Result<Value> {
    let length = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if length > MAX_BYTES {
        return Err(Error::file(path, format!("{length} bytes; at most {MAX_BYTES} are read")));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::file(path, format!("is no JSON: {e}")))
}

/// The encoder that lies in `folder`.
///
/// # Errors
/// If there is no `config.json`, or of a model that is not of BERT's kind; the message says which are.
pub fn read(folder: &Path) -> Result<BertConfig> {
    let path = folder.join("config.json");
    if !path.is_file() {
        return Err(Error::file(
            folder,
            "there is no config.json; a pre-trained encoder is a folder with config.json, model.safetensors and \
             tokenizer.json",
        ));
    }
    let file = object(&path)?;
    let mut config = parse(&file).map_err(|reason| Error::file(&path, reason))?;
    if let Some((pooling, normalize)) = sentence(folder)? {
        (config.pooling, config.normalize) = (pooling, normalize);
    }
    config.validate().map_err(|e| Error::file(&path, e.to_string()))?;
    Ok(config)
}

fn parse(file: &Value) -> std::result::Result<BertConfig, String> {
    // What manabi wrote itself is told in full.
    if let Some(own) = file.pointer("/settings/layout").filter(|own| !own.is_null()) {
        return serde_json::from_value(own.clone()).map_err(|e| format!("settings.layout: {e}"));
    }
    let family = match file.get("model_type").and_then(Value::as_str) {
        Some("bert") => Family::Bert,
        Some("distilbert") => Family::Distilbert,
        Some("mpnet") => Family::Mpnet,
        other => {
            let found = other.map_or("no model_type".into(), |word| format!("model_type \"{word}\""));
            return Err(format!(
                "{found}; encoders with model_type bert (MiniLM among them), distilbert or mpnet are read"
            ));
        }
    };
    let number = |names: &[&str]| {
        let found = names.iter().find_map(|name| file.get(*name).and_then(Value::as_u64));
        found.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| format!("there is no number \"{}\"", names[0]))
    };
    let text = |names: &[&str]| names.iter().find_map(|name| file.get(*name).and_then(Value::as_str));
    if let Some(other) = text(&["hidden_act", "activation"]).filter(|word| *word != "gelu") {
        return Err(format!("its activation is \"{other}\"; gelu is computed"));
    }
    if let Some(other) = text(&["position_embedding_type"]).filter(|word| *word != "absolute") {
        return Err(format!("its places are \"{other}\"; absolute ones are computed"));
    }
    let float = |name: &str, default: f64| file.get(name).and_then(Value::as_f64).unwrap_or(default);
    let distil = family == Family::Distilbert;
    Ok(BertConfig {
        family,
        tokens: number(&["vocab_size"])?,
        hidden: number(&["hidden_size", "dim"])?,
        layers: number(&["num_hidden_layers", "n_layers"])?,
        heads: number(&["num_attention_heads", "n_heads"])?,
        intermediate: number(&["intermediate_size", "hidden_dim"])?,
        positions: number(&["max_position_embeddings"])?,
        types: if family == Family::Bert { number(&["type_vocab_size"]).unwrap_or(2) } else { 0 },
        eps: float("layer_norm_eps", 1e-12),
        dropout: float(if distil { "dropout" } else { "hidden_dropout_prob" }, 0.1) as f32,
        pooling: Pooling::Mean,
        normalize: false,
        causal: file.get("is_decoder").and_then(Value::as_bool) == Some(true),
        buckets: if family == Family::Mpnet { number(&["relative_attention_num_buckets"]).unwrap_or(32) } else { 0 },
    })
}

/// What sentence-transformers says of pooling and length, if the folder is one of its models.
fn sentence(folder: &Path) -> Result<Option<(Pooling, bool)>> {
    let path = folder.join("1_Pooling").join("config.json");
    if !path.is_file() {
        return Ok(None);
    }
    let file = object(&path)?;
    let yes = |name: &str| file.get(name).and_then(Value::as_bool) == Some(true);
    let pooling = match (yes("pooling_mode_mean_tokens"), yes("pooling_mode_cls_token")) {
        (true, false) => Pooling::Mean,
        (false, true) => Pooling::Cls,
        _ => return Err(Error::file(&path, "pools neither by the mean of tokens nor by the first one alone")),
    };
    let modules = folder.join("modules.json");
    let normalize = modules.is_file() && object(&modules)?.to_string().contains("Normalize");
    Ok(Some((pooling, normalize)))
}

/// The most tokens of a text that sentence-transformers feeds to the encoder in `folder`, if it says so.
pub fn max_tokens(folder: &Path) -> Option<usize> {
    let file = object(&folder.join("sentence_bert_config.json")).ok()?;
    file.get("max_seq_length").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
}

/// The fields of `config.json` that `transformers` reads.
pub fn fields(config: &BertConfig, pad: u32) -> Map<String, Value> {
    let BertConfig { tokens, hidden, layers, heads, intermediate, positions, types, eps, dropout, buckets, .. } =
        *config;
    let dropout = f64::from((f64::from(dropout) * 1e6).round() as i32) / 1e6;
    let fields = match config.family {
        Family::Bert => json!({
            "architectures": ["BertModel"], "model_type": "bert", "vocab_size": tokens, "hidden_size": hidden,
            "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": intermediate,
            "max_position_embeddings": positions, "type_vocab_size": types, "layer_norm_eps": eps,
            "hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0, "hidden_act": "gelu",
            "position_embedding_type": "absolute", "pad_token_id": pad, "is_decoder": config.causal,
        }),
        Family::Distilbert => json!({
            "architectures": ["DistilBertModel"], "model_type": "distilbert", "vocab_size": tokens, "dim": hidden,
            "n_layers": layers, "n_heads": heads, "hidden_dim": intermediate, "max_position_embeddings": positions,
            "dropout": dropout, "attention_dropout": 0.0, "activation": "gelu", "sinusoidal_pos_embds": false,
            "pad_token_id": pad,
        }),
        Family::Mpnet => json!({
            "architectures": ["MPNetModel"], "model_type": "mpnet", "vocab_size": tokens, "hidden_size": hidden,
            "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": intermediate,
            "max_position_embeddings": positions, "layer_norm_eps": eps, "hidden_dropout_prob": dropout,
            "attention_probs_dropout_prob": 0.0, "hidden_act": "gelu", "relative_attention_num_buckets": buckets,
            "pad_token_id": pad,
        }),
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (family, types, buckets) in [(Family::Bert, 2, 0), (Family::Distilbert, 0, 0), (Family::Mpnet, 0, 32)] {
            let config =
                BertConfig { family, types, buckets, pooling: Pooling::Mean, ..BertConfig::scratch(100, 64, 2, 32, 4) };
            let fields = Value::Object(fields(&config, 0));
            assert_eq!(parse(&fields).unwrap(), config);
        }
    }

    #[test]
    fn other_models_are_refused_by_name() {
        let reason = |text: &str| parse(&serde_json::from_str(text).unwrap()).unwrap_err();
        assert!(reason("{\"model_type\":\"gpt2\"}").contains("\"gpt2\""));
        assert!(reason("{}").contains("no model_type"));
        assert!(reason("{\"model_type\":\"bert\"}").contains("\"vocab_size\""));
        assert!(reason("{\"model_type\":\"bert\",\"hidden_act\":\"relu\"}").contains("relu"));
        let missing = read(Path::new("no/such/folder")).unwrap_err().to_string();
        assert!(missing.contains("there is no config.json"), "{missing}");
    }
}
