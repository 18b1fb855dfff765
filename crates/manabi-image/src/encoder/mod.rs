//! Encoders by name: the small default, ResNets in torchvision's layout, ViTs in timm's.

use candle_core::Tensor;
use manabi_core::{Error, Result, encoder::Encoder, nn::Params};

mod resnet;
mod vit;

pub use resnet::{ResNet, ResNetConfig, Stem};
pub use vit::{Vit, VitConfig};

/// Names that [`build`] knows.
pub const NAMES: &[&str] = &[
    "small",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet18-cifar",
    "resnet34-cifar",
    "resnet50-cifar",
    "resnet18-imagenet",
    "resnet34-imagenet",
    "resnet50-imagenet",
    "vit-tiny",
    "vit-small",
];

enum Shape {
    ResNet(ResNetConfig),
    Vit(VitConfig),
}

/// The encoder `name` for pictures of `channels × size × size`. ResNets without a stem in
/// their name take the CIFAR stem up to 64 pixels, the ImageNet stem above.
fn shape(name: &str, channels: usize, size: usize) -> Result<Shape> {
    let (base, stem) = match name.split_once('-') {
        Some((base, "cifar")) => (base, Stem::Cifar),
        Some((base, "imagenet")) => (base, Stem::ImageNet),
        _ => (name, if size <= 64 { Stem::Cifar } else { Stem::ImageNet }),
    };
    Ok(match base {
        "small" => Shape::ResNet(ResNetConfig::small(channels)),
        "resnet18" => Shape::ResNet(ResNetConfig::resnet18(channels, stem)),
        "resnet34" => Shape::ResNet(ResNetConfig::resnet34(channels, stem)),
        "resnet50" => Shape::ResNet(ResNetConfig::resnet50(channels, stem)),
        "vit-tiny" => Shape::Vit(VitConfig::tiny(channels, size)),
        "vit-small" => Shape::Vit(VitConfig::small(channels, size)),
        _ => return Err(Error::config(format!("there is no encoder \"{name}\"; known: {}", NAMES.join(", ")))),
    })
}

/// Builds the encoder `name` with its parameters below `params`.
///
/// # Errors
/// If the name is unknown, or the size does not suit the encoder.
pub fn build(name: &str, channels: usize, size: usize, params: &Params) -> Result<Box<dyn Encoder<Tensor>>> {
    Ok(match shape(name, channels, size)? {
        Shape::ResNet(config) => Box::new(ResNet::new(params, config)?),
        Shape::Vit(config) => Box::new(Vit::new(params, config)?),
    })
}

/// Multiply-adds of one forward pass of one picture; 0 if there is no such encoder.
pub fn cost(name: &str, channels: usize, size: usize) -> f64 {
    match shape(name, channels, size) {
        Ok(Shape::ResNet(config)) => config.cost(size),
        Ok(Shape::Vit(config)) => config.cost(),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use manabi_core::{encoder::Mode, nn::Role};

    use super::*;

    fn input(n: usize, channels: usize, size: usize) -> Tensor {
        let count = n * channels * size * size;
        let values: Vec<f32> =
            (0..count).map(|i| ((i * 7919 % 1013) as f32 / 506.5 - 1.0) + (i as f32 * 0.013).sin()).collect();
        Tensor::from_vec(values, (n, channels, size, size), &Device::Cpu).unwrap()
    }

    #[test]
    fn every_parameter_of_every_encoder_receives_a_gradient() {
        for name in ["small", "resnet18-cifar", "resnet50-cifar", "resnet18-imagenet", "vit-tiny"] {
            let params = Params::new(1, &Device::Cpu);
            let encoder = build(name, 3, 32, &params).unwrap();
            let x = input(4, 3, 32);
            let features = encoder.features(&x, Mode::Train).unwrap();
            assert_eq!(features.dims(), [4, encoder.dim()]);
            // A weighted sum, so that no norm or average can cancel the gradient.
            let weights = Tensor::arange(0f32, (4 * encoder.dim()) as f32, &Device::Cpu).unwrap().sin().unwrap();
            let loss = (features.flatten_all().unwrap() * weights).unwrap().sum_all().unwrap();
            let mut loss = loss;
            if let Some(tokens) = encoder.tokens() {
                // The mask token is seen by masked prediction only.
                let t = tokens.token_count(&x).unwrap();
                let masked = Tensor::arange(0f32, (4 * t) as f32, &Device::Cpu).unwrap().sin().unwrap();
                let masked =
                    masked.ge(0.0).unwrap().to_dtype(candle_core::DType::F32).unwrap().reshape((4, t)).unwrap();
                let out = tokens.masked_tokens(&x, &manabi_core::encoder::Mask { masked }).unwrap();
                let weights = Tensor::arange(0f32, out.elem_count() as f32, &Device::Cpu).unwrap().sin().unwrap();
                loss = (loss + (out.flatten_all().unwrap() * weights).unwrap().sum_all().unwrap()).unwrap();
            }
            let grads = loss.backward().unwrap();
            for (parameter, var, role) in params.named() {
                if role == Role::Buffer {
                    continue;
                }
                let grad = grads.get(&var).unwrap_or_else(|| panic!("{name}: {parameter} has no gradient"));
                let norm = grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(norm > 0.0 && norm.is_finite(), "{name}: {parameter} has gradient norm² {norm}");
            }
        }
    }

    #[test]
    fn names_and_shapes_are_torchvisions() {
        // torchvision.models.resnet18(): 11 176 512 parameters without fc, 120 state entries without num_batches_tracked and fc
        let params = Params::new(0, &Device::Cpu);
        build("resnet18-imagenet", 3, 224, &params).unwrap();
        assert_eq!(params.count(), 11_176_512);
        let names: Vec<String> = params.named().into_iter().map(|(n, ..)| n).collect();
        for name in [
            "conv1.weight",
            "bn1.running_var",
            "layer1.0.conv1.weight",
            "layer2.0.downsample.1.weight",
            "layer4.1.bn2.bias",
        ] {
            assert!(names.iter().any(|n| n == name), "{name} is missing");
        }
        // torchvision.models.resnet50(): 23 508 032 parameters without fc
        let params = Params::new(0, &Device::Cpu);
        build("resnet50-imagenet", 3, 224, &params).unwrap();
        assert_eq!(params.count(), 23_508_032);
        // torchvision.models.resnet34(): 21 284 672 parameters without fc
        let params = Params::new(0, &Device::Cpu);
        build("resnet34-imagenet", 3, 224, &params).unwrap();
        assert_eq!(params.count(), 21_284_672);
    }

    #[test]
    fn in_eval_mode_a_row_does_not_depend_on_its_batch() {
        for name in ["small", "vit-tiny"] {
            let params = Params::new(1, &Device::Cpu);
            let encoder = build(name, 1, 28, &params).unwrap();
            let x = input(3, 1, 28);
            encoder.features(&x, Mode::Train).unwrap();
            let all = encoder.readout(&x, Mode::Eval).unwrap().get(1).unwrap().to_vec1::<f32>().unwrap();
            let one = encoder
                .readout(&x.narrow(0, 1, 1).unwrap(), Mode::Eval)
                .unwrap()
                .get(0)
                .unwrap()
                .to_vec1::<f32>()
                .unwrap();
            assert!(all.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-4 * a.abs().max(1.0)), "{name}");
        }
    }

    #[test]
    fn an_unknown_encoder_is_refused_with_the_known_names() {
        let params = Params::new(0, &Device::Cpu);
        let message = build("resnet19", 3, 32, &params).err().unwrap().to_string();
        assert!(message.contains("resnet19") && message.contains("resnet18"), "{message}");
    }

    #[test]
    fn costs_are_the_published_ones() {
        // ResNet-18 at 224: 1.814 G multiply-adds with fc (0.0005 G); ResNet-50: 4.089 G.
        assert!((cost("resnet18-imagenet", 3, 224) / 1e9 - 1.814).abs() < 0.01);
        assert!((cost("resnet50-imagenet", 3, 224) / 1e9 - 4.089).abs() < 0.01);
    }
}
