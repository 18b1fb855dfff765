//! The gradients of one step, by parameter name, walked in name order.
//!
//! candle's own store is a hash map whose order changes from process to process; sums over
//! it are not reproducible, and ranks would reduce different tensors together.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var, backprop::GradStore};

use crate::{Result, nn::Role};

/// Named gradients and one factor for all. A parameter that took no part in the loss has none.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub(super) map: BTreeMap<String, Tensor>,
    /// What clipping asks the optimiser to multiply by, instead of a pass over memory.
    pub(super) factor: f64,
}

impl Default for Gradients {
    fn default() -> Self {
        Self { map: BTreeMap::new(), factor: 1.0 }
    }
}

impl Gradients {
    /// Takes the gradients of `params` out of candle's store.
    pub fn collect(params: &[(String, Var, Role)], store: &mut GradStore) -> Result<Self> {
        let mut map = BTreeMap::new();
        for (name, var, _) in params {
            if let Some(gradient) = store.remove(var.as_tensor()) {
                map.insert(name.clone(), gradient.detach().contiguous()?);
            }
        }
        Ok(Self { map, factor: 1.0 })
    }

    /// The factor, set by [`Gradients::clip`], that every gradient is to be multiplied by.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// The gradient of parameter `name`, without the factor.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.map.get(name)
    }

    /// Name and gradient without the factor, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.map.iter().map(|(name, g)| (name.as_str(), g))
    }

    /// Sets the gradient of `name` (an all-reduced one, say).
    pub fn insert(&mut self, name: &str, gradient: Tensor) {
        self.map.insert(name.to_string(), gradient);
    }

    /// Drops the gradients of every name that starts with `prefix`: these parameters stay as they are.
    pub fn freeze(&mut self, prefix: &str) {
        self.map.retain(|name, _| !name.starts_with(prefix));
    }

    /// Number of gradients.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::nn::{Init, Params};

    #[test]
    fn gradients_are_named_and_frozen_by_prefix() {
        let params = Params::new(1, &Device::Cpu);
        let a = params.pp("encoder").get("w", 2, Init::Constant(3.0), Role::Weight).unwrap();
        let b = params.pp("head").get("w", 2, Init::Constant(2.0), Role::Weight).unwrap();
        params.get("unused", 2, Init::Constant(2.0), Role::Weight).unwrap();
        let mut store = (a * b).unwrap().sum_all().unwrap().backward().unwrap();
        let mut gradients = Gradients::collect(&params.trainable(), &mut store).unwrap();
        assert_eq!(gradients.iter().map(|(n, _)| n).collect::<Vec<_>>(), ["encoder.w", "head.w"]);
        assert_eq!(gradients.get("encoder.w").unwrap().to_vec1::<f32>().unwrap(), [2.0, 2.0]);
        gradients.freeze("head");
        assert!(gradients.get("head.w").is_none());
        assert_eq!(gradients.len(), 1);
    }
}
