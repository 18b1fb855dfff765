//! Fast CPU tensor operations with gradients, under candle's autograd.
