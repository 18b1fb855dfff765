//! Parameter groups: a factor on the learning rate for every name below a prefix.
//!
//! Fine-tuning gives the encoder a part of the head's rate (`encoder` × 0.1); a factor of 0
//! freezes. The longest prefix that fits a name decides; without one the factor is 1.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A factor on the learning rate of the parameters below a prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// A whole part of a dotted name: `encoder` fits `encoder.stem.weight`, not `encoder2.weight`.
    pub prefix: String,
    /// The factor; 0 freezes.
    pub lr: f64,
}

/// A list of groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Groups(pub Vec<Group>);

impl Groups {
    /// One group.
    pub fn one(prefix: impl Into<String>, lr: f64) -> Self {
        Self(vec![Group { prefix: prefix.into(), lr }])
    }

    /// The factor for parameter `name`.
    pub fn factor(&self, name: &str) -> f64 {
        self.0
            .iter()
            .filter(|g| {
                g.prefix.is_empty()
                    || name.strip_prefix(&g.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
            .max_by_key(|g| g.prefix.len())
            .map_or(1.0, |g| g.lr)
    }

    /// Refuses factors that are negative or not finite.
    pub fn validate(&self) -> Result<()> {
        match self.0.iter().find(|g| !(g.lr >= 0.0 && g.lr.is_finite())) {
            Some(g) => Err(Error::config(format!(
                "the learning-rate factor of \"{}\" is {}; it must be 0 (frozen) or more",
                g.prefix, g.lr
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let mut groups = Groups::one("encoder", 0.1);
        groups.0.push(Group { prefix: "encoder.stem".into(), lr: 0.0 });
        assert_eq!(groups.factor("encoder.layer1.weight"), 0.1);
        assert_eq!(groups.factor("encoder.stem.weight"), 0.0);
        assert_eq!(groups.factor("encoder2.weight"), 1.0);
        assert_eq!(groups.factor("head.weight"), 1.0);
    }

    #[test]
    fn a_negative_factor_is_refused() {
        assert!(Groups::one("head", -1.0).validate().unwrap_err().to_string().contains("-1"));
    }
}
