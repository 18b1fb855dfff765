//! Losses: pure functions of tensors, one file each.
